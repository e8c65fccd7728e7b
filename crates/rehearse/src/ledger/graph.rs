//! Directed graphs: strongly connected components and a shortest cycle in one of them.

use std::collections::VecDeque;

/// A graph in the form of one list of targets, ordered by source.
#[derive(Debug)]
pub(super) struct Graph {
    starts: Vec<u32>,
    targets: Vec<u32>,
}

impl Graph {
    /// Of this many nodes, with edges from and to.
    pub(super) fn new(nodes: usize, edges: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0_u32; nodes + 1];
        for (from, _) in edges.clone() {
            starts[from as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut free = starts.clone();
        let mut targets = vec![0; starts[nodes] as usize];
        for (from, to) in edges {
            let at = &mut free[from as usize];
            targets[*at as usize] = to;
            *at += 1;
        }
        Self { starts, targets }
    }

    fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    fn targets(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.targets[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// Components of more than one node (Tarjan, without recursion), each sorted.
    pub(super) fn components(&self) -> Vec<Vec<u32>> {
        let mut walk = Walk::new(self.nodes());
        for root in 0..self.nodes() as u32 {
            if walk.number[root as usize] == UNSEEN {
                walk.from(self, root);
            }
        }
        walk.components
    }

    /// A shortest cycle through the first node that has one, within `component`, which is sorted.
    pub(super) fn cycle(&self, component: &[u32]) -> Vec<u32> {
        let Some(start) = component.first().copied() else { return Vec::new() };
        let at = |node: u32| component.binary_search(&node).ok();
        let mut from: Vec<Option<u32>> = vec![None; component.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for next in self.targets(node) {
                if *next == start {
                    return path(start, node, |node| from[at(node)?]);
                }
                if let Some(index) = at(*next)
                    && from[index].is_none()
                {
                    from[index] = Some(node);
                    queue.push_back(*next);
                }
            }
        }
        Vec::new()
    }
}

fn path(start: u32, end: u32, before: impl Fn(u32) -> Option<u32>) -> Vec<u32> {
    let mut path = vec![end];
    let mut node = end;
    while node != start {
        let Some(earlier) = before(node) else { break };
        path.push(earlier);
        node = earlier;
    }
    path.reverse();
    path
}

const UNSEEN: u32 = u32::MAX;

struct Walk {
    next: u32,
    number: Vec<u32>,
    lowest: Vec<u32>,
    is_open: Vec<bool>,
    open: Vec<u32>,
    components: Vec<Vec<u32>>,
}

impl Walk {
    fn new(nodes: usize) -> Self {
        Self {
            next: 0,
            number: vec![UNSEEN; nodes],
            lowest: vec![0; nodes],
            is_open: vec![false; nodes],
            open: Vec::new(),
            components: Vec::new(),
        }
    }

    fn enter(&mut self, node: u32) {
        self.number[node as usize] = self.next;
        self.lowest[node as usize] = self.next;
        self.next += 1;
        self.is_open[node as usize] = true;
        self.open.push(node);
    }

    fn from(&mut self, graph: &Graph, root: u32) {
        self.enter(root);
        let mut stack: Vec<(u32, usize)> = vec![(root, 0)];
        while let Some((node, at)) = stack.last_mut() {
            let node = *node;
            if let Some(next) = graph.targets(node).get(*at).copied() {
                *at += 1;
                if self.number[next as usize] == UNSEEN {
                    self.enter(next);
                    stack.push((next, 0));
                } else if self.is_open[next as usize] {
                    self.lower(node, self.number[next as usize]);
                }
                continue;
            }
            stack.pop();
            if let Some((above, _)) = stack.last() {
                self.lower(*above, self.lowest[node as usize]);
            }
            if self.lowest[node as usize] == self.number[node as usize] {
                self.close(node);
            }
        }
    }

    fn lower(&mut self, node: u32, to: u32) {
        let lowest = &mut self.lowest[node as usize];
        *lowest = (*lowest).min(to);
    }

    fn close(&mut self, root: u32) {
        let mut component = Vec::new();
        while let Some(node) = self.open.pop() {
            self.is_open[node as usize] = false;
            component.push(node);
            if node == root {
                break;
            }
        }
        if component.len() > 1 {
            component.sort_unstable();
            self.components.push(component);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_and_their_cycles_are_found() {
        let edges = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 5), (5, 3), (5, 6)];
        let graph = Graph::new(7, edges.iter().copied());
        let components = graph.components();
        assert_eq!(components, [vec![3, 4, 5], vec![0, 1, 2]]);
        assert_eq!(graph.cycle(&components[0]), [3, 4, 5]);
    }

    #[test]
    fn a_shorter_cycle_is_preferred() {
        let edges = [(0, 1), (1, 2), (2, 0), (1, 0)];
        let graph = Graph::new(3, edges.iter().copied());
        assert_eq!(graph.cycle(&graph.components()[0]), [0, 1]);
    }

    #[test]
    fn no_cycle_no_component() {
        let graph = Graph::new(3, [(0, 1), (1, 2), (0, 2)].into_iter());
        assert!(graph.components().is_empty());
    }
}
