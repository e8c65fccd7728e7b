//! A value and where it came from.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use wonin_text::Place;

/// How a value written in one place came to count in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Inheritance {
    /// A YAML alias or merge key.
    Alias,
    /// Compose `extends`.
    Extends,
    /// A later Compose file laid over an earlier one.
    Override,
    /// Compose `env_file`.
    EnvFile,
    /// `ENV` of the Dockerfile that builds the service.
    Image,
    /// A variable, local or module argument of the same language.
    Reference,
}

/// Where a value came from. What few values have is behind pointers: a large stack holds hundreds
/// of thousands of origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The text at this place is the value.
    Written(Place),
    /// The text at one place is the value; it counts here through others.
    Inherited(Box<Inherited>),
    /// Text with variables, filled in from other places.
    Interpolated(Box<Interpolated>),
    /// Nobody wrote it.
    Default(Arc<Standard>),
}

/// How a value written elsewhere came to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inherited {
    /// Where the text stands.
    pub place: Place,
    /// The alias, the `extends` key, the `env_file` entry and so on, nearest first.
    pub via: Vec<Place>,
    /// By which rule.
    pub how: Inheritance,
}

/// How a text with variables (defined in `.env`, or by a default inside the expression itself) was
/// filled in. Also text that gives the value by another computation, such as the part behind
/// `KEY=` of an item with escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpolated {
    /// Where the expression stands.
    pub place: Place,
    /// Where its variables were defined.
    pub from: Vec<Place>,
    /// Variables that no file defines: the value holds nothing in their stead, though the
    /// environment of whoever starts the stack may define them. See [`Origin::is_certain`].
    pub unset: Vec<String>,
}

/// Whose default a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standard {
    /// The program, with the version: `Apache Kafka 3.9 broker`.
    pub of: Cow<'static, str>,
    /// Where the default is documented.
    pub source: Cow<'static, str>,
}

impl From<Inherited> for Origin {
    fn from(inherited: Inherited) -> Self {
        Self::Inherited(Box::new(inherited))
    }
}

impl From<Interpolated> for Origin {
    fn from(interpolated: Interpolated) -> Self {
        Self::Interpolated(Box::new(interpolated))
    }
}

impl Origin {
    /// A default of `of`, documented in `source`.
    pub fn default_of(
        of: impl Into<Cow<'static, str>>,
        source: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Default(Arc::new(Standard { of: of.into(), source: source.into() }))
    }

    /// How it was inherited, where it was.
    pub fn inherited(&self) -> Option<&Inherited> {
        match self {
            Self::Inherited(inherited) => Some(inherited),
            _ => None,
        }
    }

    /// How it was filled in, where it was.
    pub fn interpolated(&self) -> Option<&Interpolated> {
        match self {
            Self::Interpolated(interpolated) => Some(interpolated),
            _ => None,
        }
    }

    /// The place to show first; `None` for defaults.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Written(place) => Some(*place),
            Self::Inherited(inherited) => Some(inherited.place),
            Self::Interpolated(interpolated) => Some(interpolated.place),
            Self::Default(_) => None,
        }
    }

    /// Every place that had a part in the value, the one to show first in front.
    pub fn places(&self) -> Vec<Place> {
        let others = match self {
            Self::Inherited(inherited) => inherited.via.as_slice(),
            Self::Interpolated(interpolated) => interpolated.from.as_slice(),
            Self::Written(_) | Self::Default(_) => &[],
        };
        self.place().into_iter().chain(others.iter().copied()).collect()
    }

    /// Whether the files alone give the value: no variable in it is left without a definition.
    /// A claim about a value that is not certain must be guarded or left out.
    pub fn is_certain(&self) -> bool {
        self.interpolated().is_none_or(|filled| filled.unset.is_empty())
    }

    /// Whether nobody wrote the value.
    pub fn is_default(&self) -> bool {
        matches!(self, Self::Default(_))
    }
}

/// A value with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value in effect.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> Located<T> {
    /// A value whose text stands at `place`.
    pub fn written(value: T, place: Place) -> Self {
        Self { value, origin: Origin::Written(place) }
    }

    /// A default; see [`Origin::default_of`].
    pub fn default_of(
        value: T,
        of: impl Into<Cow<'static, str>>,
        source: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { value, origin: Origin::default_of(of, source) }
    }

    /// The place to show first; `None` for defaults.
    pub fn place(&self) -> Option<Place> {
        self.origin.place()
    }

    /// Another value that comes from the same text.
    pub fn with<U>(&self, value: U) -> Located<U> {
        Located { value, origin: self.origin.clone() }
    }

    /// The value turned into another, or `None` where `turn` says so.
    pub fn and_then<U>(&self, turn: impl FnOnce(&T) -> Option<U>) -> Option<Located<U>> {
        turn(&self.value).map(|value| self.with(value))
    }
}

impl Located<String> {
    /// The bytes `range` of the value, with the exact place where the value is the text itself.
    /// Interpolated, escaped and inherited text keeps the place of the whole.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let value = self.value.get(range.clone()).unwrap_or("").to_owned();
        let origin = match &self.origin {
            Origin::Written(place) if place.span.len() == self.value.len() => {
                Origin::Written(place.part(range))
            }
            other => other.clone(),
        };
        Self { value, origin }
    }

    /// The pieces between `separator`, trimmed, empty ones left out, each with its own place.
    pub fn split(&self, separator: char) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut start = 0;
        for piece in self.value.split(separator) {
            let lead = piece.len() - piece.trim_start().len();
            let trimmed = piece.trim();
            if !trimmed.is_empty() {
                pieces.push(self.part(start + lead..start + lead + trimmed.len()));
            }
            start += piece.len() + separator.len_utf8();
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wonin_text::{FileId, Span};

    #[test]
    fn origins_stay_small() {
        // A large stack holds some twenty for each service.
        assert_eq!(size_of::<Origin>(), 16);
        assert_eq!(size_of::<Located<u64>>(), 24);
    }

    #[test]
    fn pieces_keep_their_exact_place() {
        let place = Place { file: FileId(0), span: Span::new(10, 19) };
        let list = Located::written("ab, cd,,e".to_owned(), place);
        let spans: Vec<_> =
            list.split(',').iter().map(|piece| piece.place().unwrap().span).collect();
        assert_eq!(spans, [Span::new(10, 12), Span::new(14, 16), Span::new(18, 19)]);
    }
}
