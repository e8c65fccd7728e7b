//! What one file said, before its places are those of the evidence.

use std::collections::BTreeMap;
use std::ops::Range;

use wonin_model::{
    AnswerRun, Certificate, ContainerState, Load, PartitionState, Registration, Series, Slow,
    ThreadDump, VoterState,
};
use wonin_text::{FileId, Place, SourceFile, Span};

/// Everything that the readers of one file found. Places count within [`Kept`] until
/// [`Found::settle`], or within the whole text where there is one.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) dumps: Vec<ThreadDump>,
    pub(crate) containers: Vec<ContainerState>,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) answers: Vec<AnswerRun>,
    pub(crate) partitions: Vec<PartitionState>,
    pub(crate) voters: Vec<VoterState>,
    pub(crate) slow: Vec<Slow>,
    pub(crate) loads: Vec<Load>,
    pub(crate) series: Vec<Series>,
    /// The lines that places point to.
    pub(crate) kept: Kept,
    /// The whole text, for files that are parsed as one.
    pub(crate) text: Option<String>,
    /// As what the file was read: the first reader that found something.
    pub(crate) formats: Vec<&'static str>,
    /// What was left out and why.
    pub(crate) problems: Vec<String>,
}

impl Found {
    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.dumps.is_empty()
            && self.containers.is_empty()
            && self.registrations.is_empty()
            && self.certificates.is_empty()
            && self.answers.is_empty()
            && self.partitions.is_empty()
            && self.voters.is_empty()
            && self.slow.is_empty()
            && self.series.is_empty()
    }

    /// Itself, unless there is nothing to tell.
    pub(crate) fn if_any(self) -> Option<Self> {
        (!self.is_empty() || !self.problems.is_empty()).then_some(self)
    }

    /// Gives all places the file's number, and the file its text.
    pub(crate) fn settle(&mut self, file: FileId, path: &str) -> SourceFile {
        let kept = std::mem::take(&mut self.kept);
        if let Some(text) = self.text.take() {
            self.each_place(&mut |place| place.file = file);
            return SourceFile::new(path, text);
        }
        let moves = kept.moves();
        self.each_place(&mut |place| {
            *place = Place { file, span: moves.of(place.span) };
        });
        SourceFile::excerpt(path, &kept.into_lines())
    }

    /// For texts parsed as a whole: the numbers of kept lines were offsets, and places are to count
    /// in the text.
    pub(crate) fn places_by_offset(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        self.each_place(&mut |place| {
            if let Some(offset) = kept.number_at(place.span) {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                place.span = Span::new(start, start.saturating_add(place.span.len()));
            }
        });
    }

    fn each_place(&mut self, change: &mut dyn FnMut(&mut Place)) {
        for dump in &mut self.dumps {
            change(&mut dump.place);
            dump.threads.iter_mut().for_each(|thread| change(&mut thread.place));
        }
        for container in &mut self.containers {
            change(&mut container.place);
            container.addresses.iter_mut().for_each(|(_, _, place)| change(place));
            container.check_output.iter_mut().for_each(|(_, place)| change(place));
        }
        self.registrations.iter_mut().for_each(|one| change(&mut one.place));
        self.certificates.iter_mut().for_each(|one| change(&mut one.place));
        self.answers.iter_mut().for_each(|one| change(&mut one.place));
        self.partitions.iter_mut().for_each(|one| change(&mut one.place));
        self.voters.iter_mut().for_each(|one| change(&mut one.place));
        self.series.iter_mut().for_each(|one| change(&mut one.place));
        self.loads.iter_mut().for_each(|one| change(&mut one.place));
        for slow in &mut self.slow {
            change(&mut slow.place);
            slow.burst.iter_mut().for_each(|burst| change(&mut burst.place));
        }
    }
}

/// Bytes of a line that are kept.
const KEPT_BYTES_MAX: usize = 4 << 10;

/// Lines of a stream that somebody points to, in the order in which they were wanted.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Number of each line, its text, and where it begins in the texts so far.
    lines: Vec<(u64, String, usize)>,
    by_number: BTreeMap<u64, usize>,
    len: usize,
}

impl Kept {
    /// Keeps a line and says where a part of it is.
    pub(crate) fn keep(&mut self, number: u64, text: &str, part: Range<usize>) -> Place {
        let index = *self.by_number.entry(number).or_insert_with(|| {
            let text = beginning(text, KEPT_BYTES_MAX).to_owned();
            let start = self.len;
            self.len += text.len() + 1;
            self.lines.push((number, text, start));
            self.lines.len() - 1
        });
        let (_, text, start) = &self.lines[index];
        let within = part.start.min(text.len())..part.end.min(text.len());
        let span = Span::new(start + within.start, start + within.end);
        Place { file: FileId::default(), span }
    }

    fn number_at(&self, span: Span) -> Option<u64> {
        let index = self.lines.partition_point(|(_, _, start)| *start <= span.start as usize);
        index.checked_sub(1).map(|index| self.lines[index].0)
    }

    fn moves(&self) -> Moves {
        let mut at = 0;
        let mut to = vec![0; self.lines.len()];
        for &index in self.by_number.values() {
            to[index] = at;
            at += self.lines[index].1.len() + 1;
        }
        let from = self.lines.iter().map(|(_, _, start)| *start);
        Moves(from.zip(to).collect())
    }

    fn into_lines(mut self) -> Vec<(u64, String)> {
        self.lines.sort_unstable_by_key(|(number, _, _)| *number);
        self.lines.into_iter().map(|(number, text, _)| (number, text)).collect()
    }
}

/// Where each kept line began and where it begins once they are in order.
struct Moves(Vec<(usize, usize)>);

impl Moves {
    fn of(&self, span: Span) -> Span {
        let start = span.start as usize;
        let index = self.0.partition_point(|&(from, _)| from <= start);
        let Some(&(from, to)) = index.checked_sub(1).and_then(|index| self.0.get(index)) else {
            return span;
        };
        let at = to + (start - from);
        Span::new(at, at + span.len())
    }
}

/// The beginning of a text, at most so many bytes.
pub(super) fn beginning(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_survive_the_sorting_of_lines() {
        let mut found = Found::default();
        let late = found.kept.keep(90, "second line", 7..11);
        let early = found.kept.keep(7, "first line", 0..5);
        let again = found.kept.keep(90, "second line", 0..6);
        let series = |place| Series {
            name: "x".to_owned(),
            labels: BTreeMap::new(),
            points: Vec::new(),
            place,
        };
        found.series = vec![series(late), series(early), series(again)];
        let file = found.settle(FileId(3), "a.log");
        let shown: Vec<(&str, u32)> = found
            .series
            .iter()
            .map(|one| {
                (file.slice(one.place.span), file.position(one.place.span.start as usize).line)
            })
            .collect();
        assert_eq!(shown, [("line", 90), ("first", 7), ("second", 90)]);
    }
}
