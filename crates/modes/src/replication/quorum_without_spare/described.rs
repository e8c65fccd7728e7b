//! A quorum as `kafka-metadata-quorum describe` shows it.

use wonin_model::{Evidence, Finding, Fix, Origin, Role, Severity, Standing, VoterState};

use super::{META, arithmetic, kafka_title, majority};
use crate::shared::seen::span;

/// How far behind the others a voter is that no longer fetches, in milliseconds; a living one
/// asks several times a second.
const AWAY_MS: i64 = 10_000;

/// What the answer shows of the voters; it is told with what the files say of them, where they do.
pub(super) fn described(evidence: &Evidence, own: &mut Vec<Finding>) {
    let mut voters: Vec<&VoterState> = Vec::new();
    for voter in evidence.voters.iter().filter(|voter| voter.role != "Observer") {
        // Of two answers that with more in it counts.
        match voters.iter_mut().find(|known| known.node == voter.node) {
            Some(known) if known.log_end_offset.is_none() => *known = voter,
            Some(_) => {}
            None => voters.push(voter),
        }
    }
    let last = voters.iter().filter_map(|voter| voter.caught_up_ms).max();
    let away: Vec<&&VoterState> = voters.iter().filter(|voter| is_away(voter, last)).collect();
    let leaderless = !voters.is_empty() && voters.iter().all(|voter| voter.role == "Voter");
    let spare = voters.len().saturating_sub(majority(voters.len()));
    if voters.len() < 2 || (spare >= away.len().max(1) && !leaderless && voters.len() % 2 == 1) {
        return;
    }
    let is_lost = leaderless || away.len() > spare;
    if !is_lost && voters.len() != 2 {
        return;
    }
    let finding = match own.iter().position(|one| one.role == Role::Cause) {
        Some(index) => own.remove(index),
        None => Finding::new(&META, kafka_title(voters.len(), voters.len(), true))
            .weigh(Role::Cause, Severity::Critical, 95)
            .arithmetic(arithmetic(voters.len()))
            .leads_to("leader-election-stops")
            .leads_to("topic-creation-stops")
            .fix(Fix::advice(
                "configure 3 voters, the same list on every node: majority of 3 = 2, spare = 1",
            )),
    };
    own.push(told(finding, &voters, &away, last, leaderless));
}

fn told(
    mut finding: Finding,
    voters: &[&VoterState],
    away: &[&&VoterState],
    last: Option<i64>,
    leaderless: bool,
) -> Finding {
    for voter in voters {
        let id = voter.node;
        let claim = match (away.iter().any(|one| one.node == id), last.zip(voter.caught_up_ms)) {
            (true, Some((last, own))) => {
                format!(
                    "voter {id} is away: it last had everything {} before the others",
                    span(last - own)
                )
            }
            (true, None) => format!("voter {id} is away: it never had everything"),
            (false, _) if leaderless => format!("voter {id}; no leader is known"),
            (false, _) => format!("voter {id}: {}", voter.role.to_lowercase()),
        };
        finding = finding.because_at(claim, Origin::Written(voter.place));
    }
    if leaderless || !away.is_empty() {
        finding.standing = Standing::Observed;
        finding.confidence = finding.confidence.max(97);
    }
    finding
}

/// Whether a voter fetches no longer, as the times of the others show.
fn is_away(voter: &VoterState, last: Option<i64>) -> bool {
    let behind = last.zip(voter.caught_up_ms).is_some_and(|(last, own)| last - own > AWAY_MS);
    voter.log_end_offset == Some(-1) || behind
}
