//! A diagnosis for people and for machines: terminal text, JSON, SARIF, JUnit, annotations, HTML.
//!
//! [`View::new`] turns evidence and diagnosis into what may be shown: secrets hidden, places
//! resolved to lines and columns, findings below the threshold left out. The renderers see the
//! view alone, so none of them can print more than another. Nothing here touches the world.

mod fingerprint;
mod frame;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod rehearsal;
pub mod rollout;
pub mod sarif;
pub mod suppress;
pub mod text;
mod view;
mod words;
mod xml;

pub use view::{
    Hidden, Limits, Open, Shown, ShownBecause, ShownEdit, ShownFix, ShownGroup, ShownRead,
    ShownSkip, Spot, THRESHOLD_DEFAULT, View, Where,
};
pub use words::{role_name, severity_name, standing_name};
