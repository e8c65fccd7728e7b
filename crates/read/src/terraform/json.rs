//! JSON text inside Terraform values, and JSON documents as values.

use wonin_model::Origin;
use wonin_syntax::{Content, Node, Style};
use wonin_text::{FileId, Place, Span};

use super::value::{Data, Value};

/// The value that a JSON text spells. Places are exact where the text is written as it stands (a
/// heredoc, a file); for computed text they are those of the whole expression.
pub(crate) fn of(value: &Value) -> Result<Value, String> {
    match &value.data {
        Data::Json(inner) => Ok((**inner).clone()),
        Data::Text(text) => {
            let tree = wonin_syntax::json::parse(text);
            let Some(root) = tree.documents.first() else {
                return Err(tree
                    .problems
                    .first()
                    .map_or_else(|| "empty JSON".to_owned(), |problem| problem.message.clone()));
            };
            let written = match &value.origin {
                Origin::Written(place) => Some(*place),
                Origin::Inherited(inherited) => Some(inherited.place),
                Origin::Interpolated(_) | Origin::Default(_) => None,
            };
            let exact = written.filter(|place| place.span.len() == text.len());
            let places = Places { exact, whole: &value.origin };
            Ok(places.value(root))
        }
        _ => Err(value.why_unknown().unwrap_or_else(|| "not JSON text".to_owned())),
    }
}

/// A whole JSON file as a value.
pub(crate) fn document(file: FileId, root: &Node) -> Value {
    let place = Place { file, span: Span::default() };
    let whole = Origin::Written(place);
    Places { exact: Some(place), whole: &whole }.value(root)
}

struct Places<'a> {
    exact: Option<Place>,
    whole: &'a Origin,
}

impl Places<'_> {
    fn origin(&self, span: Span) -> Origin {
        match self.exact {
            Some(base) => {
                let start = base.span.start as usize;
                let span = Span::new(start + span.start as usize, start + span.end as usize);
                Origin::Written(Place { file: base.file, span })
            }
            None => self.whole.clone(),
        }
    }

    fn value(&self, node: &Node) -> Value {
        let origin = self.origin(node.value_span());
        let data = match &node.content {
            Content::Null => Data::Null,
            Content::Scalar(scalar) if scalar.style == Style::Plain => match &*scalar.value {
                "true" => Data::Bool(true),
                "false" => Data::Bool(false),
                other => match other.parse() {
                    Ok(number) => Data::Number(number),
                    Err(_) => Data::Text(other.to_owned()),
                },
            },
            Content::Scalar(scalar) => Data::Text(scalar.value.to_string()),
            Content::Sequence(items) => {
                Data::List(items.iter().map(|item| self.value(item)).collect())
            }
            Content::Mapping(entries) => Data::Map(
                entries
                    .iter()
                    .map(|entry| {
                        let key = entry.key.as_str().unwrap_or_default().to_owned();
                        (key, self.value(&entry.value))
                    })
                    .collect(),
            ),
        };
        Value { data, origin }
    }
}
