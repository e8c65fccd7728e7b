//! Dockerfiles: stages with their instructions (Docker documentation, "Dockerfile reference").
//!
//! Continued lines are joined; every value still knows the bytes that spell it. Variables are not
//! filled in.

mod lines;
mod words;

use wonin_text::Span;

use crate::problems::Problems;
use crate::{Problem, Style};
use lines::Lines;
pub use lines::Text;

/// What one parse gave.
#[derive(Clone, Debug, Default)]
pub struct Dockerfile {
    /// `ARG`s before the first `FROM`; only `FROM` sees them.
    pub globals: Vec<Instruction>,
    /// The stages in order; without `--target`, the last one is the image.
    pub stages: Vec<Stage>,
    /// What could not be understood.
    pub problems: Vec<Problem>,
}

/// `FROM` and all that follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The `FROM` itself.
    pub from: Instruction,
    /// The image or the earlier stage that it starts from.
    pub base: Word,
    /// The name behind `AS`.
    pub name: Option<Word>,
    /// The instructions, without `FROM`.
    pub instructions: Vec<Instruction>,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// The keyword in capitals.
    pub keyword: String,
    /// The bytes of the keyword.
    pub keyword_span: Span,
    /// From the keyword to the end of the last line, here-documents included.
    pub span: Span,
    /// `--name=value` before the arguments, in `FROM`, `RUN`, `COPY`, `ADD` and `HEALTHCHECK`.
    pub flags: Vec<Flag>,
    /// All that stands behind keyword and flags.
    pub text: Text,
    /// Whether the arguments are written as a JSON list, so that no shell runs.
    pub is_exec: bool,
    /// The arguments: the items of a JSON list, or words as a shell would split them.
    pub args: Vec<Word>,
    /// What `ENV`, `ARG` and `LABEL` define.
    pub pairs: Vec<Pair>,
    /// The here-documents of `RUN`, `COPY` and `ADD`, in order.
    pub heredocs: Vec<Heredoc>,
    /// The instruction inside `HEALTHCHECK` and `ONBUILD`.
    pub inner: Option<Box<Instruction>>,
}

/// `--name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The name without dashes.
    pub name: String,
    /// The value; `None` without `=`.
    pub value: Option<Word>,
    /// All of it.
    pub span: Span,
}

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The value without quotes and escapes. Outside JSON lists `$$` stands for a dollar sign that
    /// quotes or an escape keep from beginning a variable.
    pub value: String,
    /// The bytes that spell it, quotes included.
    pub span: Span,
    /// How it was written; [`Style::Plain`] also where quotes cover only a part.
    pub style: Style,
}

/// A name with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: Word,
    /// The value; `None` for an `ARG` without a default.
    pub value: Option<Word>,
}

/// A here-document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it.
    pub name: String,
    /// The lines, as written.
    pub body: String,
    /// The bytes of the lines, without the ending word.
    pub span: Span,
    /// Whether variables are filled in: the word is not quoted.
    pub expands: bool,
}

/// Reads `text`.
pub fn parse(text: &str) -> Dockerfile {
    let mut problems = Problems::default();
    let mut lines = Lines::new(text, &mut problems);
    let mut file = Dockerfile::default();
    while let Some(line) = lines.next() {
        let mut instruction = Instruction::read(&line, lines.escape());
        for (name, strips_tabs, expands) in words::heredocs(&instruction) {
            let heredoc = lines.heredoc(name, strips_tabs, expands);
            instruction.span = Span::new(instruction.span.start as usize, lines.end_of_last());
            instruction.heredocs.push(heredoc);
        }
        file.add(instruction, &mut lines);
    }
    file.problems = problems.into_list();
    file
}

impl Dockerfile {
    /// The stage that a build without `--target` makes.
    pub fn last_stage(&self) -> Option<&Stage> {
        self.stages.last()
    }

    /// A stage by its name, in whatever case, or by its number from 0.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        let is_named = |stage: &&Stage| {
            stage.name.as_ref().is_some_and(|word| word.value.eq_ignore_ascii_case(name))
        };
        let by_number = || self.stages.get(name.parse::<usize>().ok()?);
        self.stages.iter().find(is_named).or_else(by_number)
    }

    fn add(&mut self, instruction: Instruction, lines: &mut Lines<'_, '_>) {
        if !KEYWORDS.contains(&instruction.keyword.as_str()) {
            let message = format!("no instruction is called `{}`", instruction.keyword);
            lines.problem(instruction.keyword_span, message);
        }
        if instruction.keyword == "FROM" {
            match Stage::new(instruction) {
                Ok(stage) => self.stages.push(stage),
                Err(span) => lines.problem(span, "`FROM` without an image".to_owned()),
            }
        } else if let Some(stage) = self.stages.last_mut() {
            stage.instructions.push(instruction);
        } else {
            if instruction.keyword != "ARG" {
                let message = format!("`{}` before the first `FROM`", instruction.keyword);
                lines.problem(instruction.keyword_span, message);
            }
            self.globals.push(instruction);
        }
    }
}

/// All instructions (Dockerfile reference, "Overview").
const KEYWORDS: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Instructions whose arguments may be a JSON list.
const TAKES_LISTS: &[&str] = &["ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"];

impl Stage {
    /// A stage from its `FROM`; where the image is missing, the place of the keyword.
    fn new(from: Instruction) -> Result<Self, Span> {
        let Some(base) = from.args.first().cloned() else { return Err(from.keyword_span) };
        let name = match &from.args[1..] {
            [r#as, name, ..] if r#as.value.eq_ignore_ascii_case("as") => Some(name.clone()),
            _ => None,
        };
        Ok(Self { from, base, name, instructions: Vec::new() })
    }

    /// The last instruction with a keyword (in capitals): of several `CMD`s only the last counts.
    pub fn last(&self, keyword: &str) -> Option<&Instruction> {
        self.instructions.iter().rev().find(|instruction| instruction.keyword == keyword)
    }

    /// All instructions with a keyword (in capitals).
    pub fn all<'s>(&'s self, keyword: &'s str) -> impl Iterator<Item = &'s Instruction> {
        self.instructions.iter().filter(move |instruction| instruction.keyword == keyword)
    }
}

impl Instruction {
    /// The value of a flag without dashes in its name.
    pub fn flag(&self, name: &str) -> Option<&Word> {
        self.flags.iter().find(|flag| flag.name == name)?.value.as_ref()
    }

    fn read(line: &Text, escape: char) -> Self {
        let (keyword, rest) = words::first(line, 0);
        let mut instruction = Self {
            keyword: line.value[keyword.clone()].to_ascii_uppercase(),
            keyword_span: line.part(keyword.clone()),
            span: line.part(keyword.start..line.value.len()),
            flags: Vec::new(),
            text: Text::default(),
            is_exec: false,
            args: Vec::new(),
            pairs: Vec::new(),
            heredocs: Vec::new(),
            inner: None,
        };
        let mut at = rest;
        if matches!(instruction.keyword.as_str(), "FROM" | "RUN" | "COPY" | "ADD" | "HEALTHCHECK") {
            (instruction.flags, at) = words::flags(line, at, escape);
        }
        let text = line.slice(at..line.value.len());
        match instruction.keyword.as_str() {
            "HEALTHCHECK" | "ONBUILD"
                if !text.value.is_empty() && instruction.depth_allows(&text) =>
            {
                instruction.inner = Some(Box::new(Self::read(&text, escape)));
            }
            "ENV" | "LABEL" => instruction.pairs = words::pairs(&text, escape, true),
            "ARG" => instruction.pairs = words::pairs(&text, escape, false),
            _ => {}
        }
        let takes_lists = TAKES_LISTS.contains(&instruction.keyword.as_str());
        if let Some(args) = words::exec(&text).filter(|_| takes_lists) {
            instruction.is_exec = true;
            instruction.args = args;
        } else {
            instruction.args = words::shell(&text, escape);
        }
        instruction.text = text;
        instruction
    }

    /// `ONBUILD` cannot hold another one (Dockerfile reference, "ONBUILD limitations"), nor can
    /// `HEALTHCHECK`; so nesting is bounded.
    fn depth_allows(&self, text: &Text) -> bool {
        let (inner, _) = words::first(text, 0);
        let inner = text.value[inner].to_ascii_uppercase();
        match self.keyword.as_str() {
            "ONBUILD" => inner != "ONBUILD",
            _ => inner == "CMD",
        }
    }
}
