//! stub
use crate::plan::ComposePlan;
pub(crate) fn order(_: &ComposePlan) -> Result<Vec<usize>, usize> {
    Ok(vec![])
}
