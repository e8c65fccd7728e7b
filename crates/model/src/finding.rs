//! What a failure mode has to say.

use std::borrow::Cow;
use std::fmt;

use wonin_text::{Edit, FileId};

use crate::{Evidence, Hit, Inheritance, Located, NotChecked, Origin, Signal};

/// The fixed facts of a failure mode.
#[derive(Debug)]
pub struct ModeMeta {
    /// Kebab-case id; the file's name with `-` for `_`.
    pub id: &'static str,
    /// The family's id: the folder's name.
    pub family: &'static str,
    /// One line: what is wrong.
    pub summary: &'static str,
    /// The source of the mode's own file; its `//!` comment is the page.
    pub source: &'static str,
}

impl ModeMeta {
    /// The page: the module comment of the mode's file, as Markdown.
    pub fn page(&self) -> String {
        let lines = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        let page: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        page.join("\n").trim().to_owned()
    }
}

/// One named way to fail.
pub trait Mode: Sync {
    /// Its fixed facts.
    fn meta(&self) -> &'static ModeMeta;

    /// Looks at the evidence; pushes what it finds, and says what it could not check.
    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, open: &mut Vec<NotChecked>);
}

/// How the finding is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// From configuration or code.
    Predicted,
    /// Seen in logs, dumps, live state.
    Observed,
    /// Shown by a rehearsal.
    Confirmed,
}

/// The part it plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Repairing it is needed to stop the failure.
    Cause,
    /// Makes the failure more likely, longer or harder to see.
    Contributing,
    /// Harmless today, fatal after a change that somebody is likely to make.
    Latent,
    /// An effect of something else.
    Symptom,
}

/// How bad it is when it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Costs capacity, time or insight.
    Medium,
    /// An outage of a part.
    High,
    /// An outage of the whole, or loss of data.
    Critical,
}

/// How sure it is, in hundredths, 0 to 100; below 50 it is not shown by default.
pub type Confidence = u8;

/// Something that holds only when several findings are repaired together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Goal {
    /// What would be reached: `kafka keeps working when one broker stops`.
    pub title: String,
    /// Order of repair within the goal.
    pub step: u8,
}

/// One claim with its evidence.
#[derive(Clone, Debug)]
pub struct Because {
    /// What the evidence shows: `two voters`.
    pub claim: String,
    /// Where it stands, or whose default it is.
    pub origin: Origin,
    /// The value, where it is not the text at the place.
    pub value: Option<String>,
}

/// Bytes to replace in one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileEdit {
    /// The file.
    pub file: FileId,
    /// The replacement.
    pub edit: Edit,
}

/// A repair.
#[derive(Clone, Debug)]
pub struct Fix {
    /// The change in one sentence.
    pub title: String,
    /// Whether it keeps the meaning of everything else, so that it may be applied unasked.
    pub safe: bool,
    /// The change as edits; empty where a person must decide.
    pub edits: Vec<FileEdit>,
    /// Whether it copies text that other repairs change: applied by itself, before the others are
    /// looked for again in what it made.
    pub alone: bool,
}

impl Fix {
    /// A repair in words.
    pub fn advice(title: impl Into<String>) -> Self {
        Self { title: title.into(), safe: false, edits: Vec::new(), alone: false }
    }

    /// A repair that replaces the text of a written value. Advice alone where the value is a
    /// default, the text at its place is not the value itself, or others share it: a later Compose
    /// file and a Dockerfile are written for the service, an anchor or an `env_file` may serve
    /// several.
    pub fn replace<T>(title: impl Into<String>, value: &Located<T>, by: impl Into<String>) -> Self {
        let mut fix = Self::advice(title);
        let own = match &value.origin {
            Origin::Written(place) => Some(*place),
            Origin::Inherited(inherited)
                if matches!(inherited.how, Inheritance::Override | Inheritance::Image) =>
            {
                Some(inherited.place)
            }
            _ => None,
        };
        if let Some(place) = own {
            let edit = Edit { span: place.span, replacement: by.into() };
            fix.edits.push(FileEdit { file: place.file, edit });
        }
        fix
    }
}

/// A recognised text that a finding accounts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The signal's name.
    pub signal: &'static str,
    /// Its log's service, where known.
    pub service: Option<String>,
    /// How many of its events.
    pub events: u64,
    /// The logs that they are in; empty where they are in any.
    pub files: Vec<FileId>,
}

/// How much of what logs said a finding accounts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Events that it explains.
    pub events: u64,
    /// Events that are to be explained, over all logs.
    pub of: u64,
}

/// What one mode found in one place.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which mode.
    pub meta: &'static ModeMeta,
    /// The service, application or cluster it is about.
    pub service: Option<String>,
    /// How it is known.
    pub standing: Standing,
    /// The part it plays.
    pub role: Role,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence with the numbers in it.
    pub title: String,
    /// The calculation with the numbers put in.
    pub arithmetic: Option<String>,
    /// Evidence, the most telling first; the first one with a place is the primary place.
    pub because: Vec<Because>,
    /// Ids of modes or effects that follow.
    pub leads_to: Vec<Cow<'static, str>>,
    /// Repairs, the best first.
    pub fixes: Vec<Fix>,
    /// The command that would show it happen.
    pub rehearse: Option<String>,
    /// What it stands in the way of, together with others.
    pub goal: Option<Goal>,
    /// Texts in logs that it accounts for.
    pub signals: Vec<Explained>,
    /// Its share of the events; counted when all findings are known, `None` without logs.
    pub explains: Option<Share>,
    /// Ids of findings of the same diagnosis that lead to it; filled when all are known.
    pub follows_from: Vec<&'static str>,
    /// Whether it only says more of what another finding explains: it is told within that one,
    /// where there is one.
    pub is_detail: bool,
}

impl Finding {
    /// A predicted cause of medium severity; the builder methods say the rest.
    pub fn new(meta: &'static ModeMeta, title: impl Into<String>) -> Self {
        Self {
            meta,
            service: None,
            standing: Standing::Predicted,
            role: Role::Cause,
            severity: Severity::Medium,
            confidence: 90,
            title: title.into(),
            arithmetic: None,
            because: Vec::new(),
            leads_to: Vec::new(),
            fixes: Vec::new(),
            rehearse: None,
            goal: None,
            signals: Vec::new(),
            explains: None,
            follows_from: Vec::new(),
            is_detail: false,
        }
    }

    /// Names the service.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// Sets role, severity and confidence (0 to 100).
    #[must_use]
    pub fn weigh(mut self, role: Role, severity: Severity, confidence: Confidence) -> Self {
        self.role = role;
        self.severity = severity;
        self.confidence = confidence.min(100);
        self
    }

    /// Shows the calculation.
    #[must_use]
    pub fn arithmetic(mut self, text: impl Into<String>) -> Self {
        self.arithmetic = Some(text.into());
        self
    }

    /// Adds a claim whose evidence is where this value came from; the value is carried along.
    #[must_use]
    pub fn because<T: fmt::Display>(
        mut self,
        claim: impl Into<String>,
        value: &Located<T>,
    ) -> Self {
        self.because.push(Because {
            claim: claim.into(),
            origin: value.origin.clone(),
            value: Some(value.value.to_string()),
        });
        self
    }

    /// Adds a claim at an origin.
    #[must_use]
    pub fn because_at(mut self, claim: impl Into<String>, origin: Origin) -> Self {
        self.because.push(Because { claim: claim.into(), origin, value: None });
        self
    }

    /// Adds a claim that `hit` of `signal` shows, and `events` of the signal to what the finding
    /// accounts for: from now on it is observed.
    #[must_use]
    pub fn seen(
        mut self,
        claim: impl Into<String>,
        signal: &Signal,
        hit: Option<&Hit>,
        events: u64,
    ) -> Self {
        self.standing = self.standing.max(Standing::Observed);
        if let Some(hit) = hit {
            self = self.because_at(claim, Origin::Written(hit.place));
        }
        let service = signal.service.clone();
        self.signals.push(Explained { signal: signal.name, service, events, files: Vec::new() });
        self
    }

    /// Says that it is a detail of whatever explains the same events.
    #[must_use]
    pub fn detail(mut self) -> Self {
        self.is_detail = true;
        self
    }

    /// Names a mode or an effect that follows.
    #[must_use]
    pub fn leads_to(mut self, id: impl Into<Cow<'static, str>>) -> Self {
        self.leads_to.push(id.into());
        self
    }

    /// Adds a repair.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }

    /// Names the command that would show it happen.
    #[must_use]
    pub fn rehearse(mut self, command: impl Into<String>) -> Self {
        self.rehearse = Some(command.into());
        self
    }

    /// Says that this is one of several repairs needed to reach `title`, the `step`-th in order.
    #[must_use]
    pub fn towards(mut self, title: impl Into<String>, step: u8) -> Self {
        self.goal = Some(Goal { title: title.into(), step });
        self
    }
}
