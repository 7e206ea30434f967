//! `wasi:config`, `wasi:keyvalue` and `wasi:logging`: what a component is told, what it keeps while it runs, and what it
//! tells.

pub(super) mod kept;
mod key_value;
mod logging;

use super::state::RunState;
pub(crate) use kept::{CONFIG, KEY_VALUE, LOGGING};
use wasmtime::component::{ComponentType, Lift, Linker, Lower};
use wasmtime::{Result, StoreContextMut};

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum ConfigError {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

type Store<'a> = StoreContextMut<'a, RunState>;

/// The functions of all three.
pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    add_config(linker)?;
    key_value::add_to_linker(linker)?;
    logging::add_to_linker(linker)
}

fn add_config(linker: &mut Linker<RunState>) -> Result<()> {
    let mut config = linker.instance(&format!("wasi:config/store@{CONFIG}"))?;
    config.func_wrap("get", |mut store: Store<'_>, (key,): (String,)| {
        let config = &store.data_mut().stores().config;
        let mut found = config.iter().filter(|(name, _)| *name == key);
        let value = found.next().map(|(_, value)| value.clone());
        Ok((Ok::<_, ConfigError>(value),))
    })?;
    config.func_wrap("get-all", |mut store: Store<'_>, (): ()| {
        let config = store.data_mut().stores().config.to_vec();
        Ok((Ok::<_, ConfigError>(config),))
    })
}
