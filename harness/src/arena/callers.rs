//! Steps of a script that ask the submission by HTTP.

use super::clients::{SERVER_TIMER, is_shortage};
use super::script::ScriptError;
use super::stage::Stage;
use crate::evidence::StepOutcome;
use crate::plan::upstream::in_query;
use crate::task::calls::Call;
use crate::world::callers::{About, Callers};

/// What stands for a city's name in a call's target.
const CITY: &str = "{city}";

impl Stage {
    pub(super) fn callers(&self) -> Result<&Callers, ScriptError> {
        self.callers.as_ref().ok_or(ScriptError::NoSwarm)
    }

    pub(super) async fn call(&self, call: &Call) -> Result<StepOutcome, ScriptError> {
        let callers = self.callers()?;
        let about = call.target.contains(CITY);
        let asked = self.plan.upstream.as_ref().map_or(&[][..], |u| &u.asked);
        let count = match &call.count {
            Some(count) => self.plan.amount(count)?,
            None if about => asked.len() as u64,
            None => 1,
        };
        for _ in 0..count {
            let about = match self.next_city().filter(|_| about) {
                Some((city, name)) => About {
                    target: call.target.replace(CITY, &in_query(&name)),
                    city: Some(city),
                },
                None => About {
                    target: call.target.clone(),
                    city: None,
                },
            };
            match callers.call(&call.group, about) {
                Ok(()) if !call.in_turn => {}
                Ok(()) => {
                    let all = (call.group.clone(), None);
                    let returned = || self.have_returned(&all);
                    match self.hear_out(SERVER_TIMER, returned).await {
                        StepOutcome::Reached => {}
                        other => return Ok(other),
                    }
                }
                Err(error) if is_shortage(&error) => {
                    return Ok(self.give_up(format!("this host gives no more sockets: {error}")));
                }
                Err(error) => return Err(ScriptError::Sockets(error)),
            }
        }
        Ok(StepOutcome::Reached)
    }

    /// The city whose turn it is.
    fn next_city(&self) -> Option<(u32, String)> {
        let upstream = self.plan.upstream.as_ref()?;
        let turn = self.callers.as_ref()?.about_cities() as usize;
        let city = *upstream.asked.get(turn % upstream.asked.len().max(1))?;
        Some((city, upstream.cities.get(city as usize)?.name.clone()))
    }

    /// Whether enough calls of a group were returned to.
    pub(super) fn have_returned(&self, (group, least): &(String, Option<u64>)) -> bool {
        self.callers
            .as_ref()
            .is_some_and(|c| c.returned(group) >= least.unwrap_or_else(|| c.size(group)))
    }
}
