//! The places of a finding, file by file.

use wonin_text::{FileId, Span};

use crate::view::{Shown, Spot, Where};

/// One marked place within a frame.
pub(crate) struct Mark {
    pub(crate) span: Span,
    pub(crate) label: String,
    pub(crate) primary: bool,
}

/// All marked places of one file, or of one of its lines where only some are known.
pub(crate) struct Frame<'a> {
    pub(crate) file: FileId,
    pub(crate) path: &'a str,
    pub(crate) marks: Vec<Mark>,
}

/// One frame per file: the primary file first, the others by path; marks by place. Claims about the
/// same bytes share a mark.
pub(crate) fn frames(finding: &Shown) -> Vec<Frame<'_>> {
    let mut frames: Vec<Frame<'_>> = Vec::new();
    // The line of each frame of an excerpt.
    let mut lines: Vec<Option<u32>> = Vec::new();
    let mut primary = true;
    for because in &finding.because {
        let Where::At { spot, through } = &because.at else {
            continue;
        };
        // The text shows a reference: say what it comes to.
        let value = because.value.as_deref().filter(|value| {
            !through.is_empty() && *value != spot.text && !because.claim.contains(value)
        });
        let label = match value {
            Some(value) => format!("{} (= {value})", because.claim),
            None => because.claim.clone(),
        };
        mark(&mut frames, &mut lines, spot, &label, primary);
        for (other, relation) in through {
            mark(&mut frames, &mut lines, other, relation, false);
        }
        primary = false;
    }
    if let Some((_, rest)) = frames.split_first_mut() {
        rest.sort_by(|a, b| (a.path, a.file).cmp(&(b.path, b.file)));
    }
    for frame in &mut frames {
        frame.marks.sort_by_key(|mark| mark.span);
    }
    frames
}

fn mark<'a>(
    frames: &mut Vec<Frame<'a>>,
    lines: &mut Vec<Option<u32>>,
    spot: &'a Spot,
    label: &str,
    primary: bool,
) {
    let (file, path, span) = (spot.file, spot.path.as_str(), spot.span);
    let line = spot.is_excerpt.then_some(spot.start.line);
    let is_same = |(frame, at): (&Frame<'_>, &Option<u32>)| frame.file == file && *at == line;
    let index = frames.iter().zip(lines.iter()).position(is_same).unwrap_or_else(|| {
        frames.push(Frame { file, path, marks: Vec::new() });
        lines.push(line);
        frames.len() - 1
    });
    let marks = &mut frames[index].marks;
    match marks.iter_mut().find(|mark| mark.span == span) {
        Some(mark) if mark.label.contains(label) => {}
        Some(mark) => {
            mark.label.push_str("; ");
            mark.label.push_str(label);
        }
        None => marks.push(Mark { span, label: label.to_owned(), primary }),
    }
}
