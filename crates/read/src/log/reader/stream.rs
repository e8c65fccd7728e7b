//! The lines of one service within a file: when they were written, and what they look like.

use std::collections::BTreeMap;

use crate::log::event::Event;
use crate::log::head::{Heads, Style};
use crate::log::time::{DAY_MS, Date, Stamp, days};

/// Backward steps of the time from which on the clock jumped.
const JUMP_MS: i64 = 60_000;

/// One service's lines.
#[derive(Debug, Default)]
pub(in crate::log) struct Stream {
    pub(in crate::log) service: Option<String>,
    pub(in crate::log) lines: u64,
    pub(in crate::log) events: u64,
    pub(in crate::log) errors: u64,
    pub(in crate::log) first_ms: Option<i64>,
    pub(in crate::log) last_ms: Option<i64>,
    pub(in crate::log) zone_assumed: bool,
    /// Whether times lack the year, or the whole date.
    pub(in crate::log) date: Option<Date>,
    pub(in crate::log) clock_jumps: u64,
    pub(in crate::log) silence: Option<(i64, i64)>,
    /// How many events look like what.
    pub(in crate::log) styles: BTreeMap<Style, u64>,
    pub(in crate::log) heads: Option<Heads>,
    /// The event whose lines still come in.
    pub(in crate::log) event: Event,
}

impl Stream {
    /// What most of its lines look like.
    pub(in crate::log) fn style(&self) -> Style {
        let known = self.styles.iter().filter(|(style, _)| **style != Style::Plain);
        let best = known.max_by_key(|(style, count)| (**count, std::cmp::Reverse(**style)));
        let plain = self.styles.get(&Style::Plain).copied().unwrap_or(0);
        match best {
            Some((style, count)) if *count * 10 >= plain => *style,
            _ => Style::Plain,
        }
    }

    /// Moves all times by so many milliseconds.
    pub(in crate::log) fn shift(&mut self, by_ms: i64) {
        for at in [&mut self.first_ms, &mut self.last_ms] {
            *at = at.map(|at| at.saturating_add(by_ms));
        }
        self.silence =
            self.silence.map(|(a, b)| (a.saturating_add(by_ms), b.saturating_add(by_ms)));
    }

    /// Begins an event and notes its time.
    pub(in crate::log) fn begin(&mut self, number: u64, raw: &str, text: &str, at: Option<Stamp>) {
        self.event.add(number, raw, text);
        let Some(stamp) = at else {
            return;
        };
        let mut ms = stamp.ms;
        self.zone_assumed |= !stamp.has_zone;
        if stamp.date != Date::Full {
            self.date = Some(stamp.date);
            self.turn(&mut ms, stamp.date);
        }
        self.event.at_ms = Some(ms);
        if let Some(last) = self.last_ms {
            if ms < last - JUMP_MS {
                self.clock_jumps += 1;
            }
            let longest = self.silence.map_or(0, |(begin, end)| end - begin);
            if ms - last > longest {
                self.silence = Some((last, ms));
            }
        }
        self.first_ms = self.first_ms.or(Some(ms));
        self.last_ms = Some(ms);
    }

    /// Midnight or New Year lies between two times that go back by more than half their period.
    fn turn(&mut self, ms: &mut i64, date: Date) {
        let Some(heads) = &mut self.heads else {
            return;
        };
        let Some(last) = self.last_ms else {
            return;
        };
        if date == Date::None && last - *ms > DAY_MS / 2 {
            heads.base.day += 1;
            *ms += DAY_MS;
        } else if date == Date::NoYear && last - *ms > 183 * DAY_MS {
            let year = heads.base.year;
            let step = days(year + 1, 1, 1) - days(year, 1, 1);
            heads.base.year += 1;
            *ms += step * DAY_MS;
        }
    }
}
