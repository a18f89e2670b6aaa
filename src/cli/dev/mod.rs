//! `dev`: one command, and everything runs: the server, a demo app, demo clients and a person, in a folder of its own.
//!
//! Starting again with the same folder finds the same secrets, clients and people. Not here: the demo app (`web::demo`).

mod banner;
mod documents;
mod secrets;

use std::path::{Path, PathBuf};

use serde_json::json;

use self::banner::Banner;
use self::secrets::DevSecrets;
use super::CliError;
use super::output::Output;
use crate::app::{self, App, Demo, Listeners, StartError};
use crate::base::OsRandom;
use crate::config::{self, Inputs, Override, Settings};
use crate::outbound::Caller;

/// Who lives in a development server.
const PERSON: &str = "alice@example.com";

#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder for the database and the secrets.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Port of the public listener.
    #[arg(long)]
    public_port: Option<u16>,
    /// Port of the admin listener.
    #[arg(long)]
    admin_port: Option<u16>,
    /// Port of the demo app.
    #[arg(long, default_value_t = 4446)]
    demo_port: u16,
    /// A configuration file on top; may be repeated, a later one wins.
    #[arg(short, long = "config", value_name = "FILE")]
    config: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<(), CliError> {
    let folder = std::path::absolute(&args.data)
        .map_err(|error| CliError::failed(format!("--data {}: {error}", args.data.display())))?;
    let secrets = DevSecrets::load_or_make(&folder, &OsRandom)?;
    let settings = config::load(&inputs(args, &folder, &secrets))?;
    app::observe::start(settings.log);
    let listeners = Listeners { public: true, admin: true, demo: Some(args.demo_port) };
    let demo = demo(&settings, &secrets)?;
    let builder = app::build(settings);
    Ok(app::run(async move {
        let bound = app::bind(builder.settings(), &listeners)?;
        let app = builder.finish().await.map_err(|error| together(error, &folder))?;
        let clients = seed(&app, &secrets, args.demo_port).await?;
        let app = app.with_demo(demo);
        let banner = Banner {
            issuer: app.settings.issuer.base().to_owned(),
            admin: format!("http://localhost:{}", port(&app.settings.admin.listener.addresses)),
            demo: format!("http://localhost:{}/", args.demo_port),
            data: folder.display().to_string(),
            person: PERSON,
            password: secrets.password().expose().clone(),
            clients,
        };
        let running = app::start(app, bound)?;
        output.line(&banner.text());
        running.until_stopped().await
    })?)
}

fn inputs(args: &Args, folder: &Path, secrets: &DevSecrets) -> Inputs {
    let mut inputs = Inputs::from_process(args.config.clone());
    inputs.presets = config::dev_defaults(folder, secrets.system());
    inputs.dev = true;
    for (key, port, flag) in [
        ("serve.public.port", args.public_port, "flag --public-port"),
        ("serve.admin.port", args.admin_port, "flag --admin-port"),
    ] {
        inputs.overrides.extend(port.map(|port| Override::new(key, port.to_string(), flag)));
    }
    inputs
}

/// Puts the demo clients and the person there; answers each client's id, what it is, and its secret.
async fn seed(app: &App, secrets: &DevSecrets, demo_port: u16) -> Result<Vec<[String; 3]>, StartError> {
    let mut shown = Vec::new();
    for client in documents::all(secrets, demo_port).map_err(StartError::Seed)? {
        app.seed_client(client.document).await?;
        shown.push([client.id, client.what, client.secret.unwrap_or_else(|| "none".to_owned())]);
    }
    app.seed_person(
        PERSON,
        json!({ "email": PERSON, "name": { "first": "Alice", "last": "Example" } }),
        secrets.password(),
    )
    .await?;
    Ok(shown)
}

/// What the demo app needs to know of the server and of its API.
fn demo(settings: &Settings, secrets: &DevSecrets) -> Result<Demo, CliError> {
    Ok(Demo {
        issuer: settings.issuer.clone(),
        client_id: documents::SPA.to_owned(),
        scope: "openid profile email offline_access".to_owned(),
        api_client_id: documents::API.to_owned(),
        api_client_secret: secrets.api().clone(),
        caller: Caller::new()?,
    })
}

fn port(addresses: &[std::net::SocketAddr]) -> u16 {
    addresses.first().map_or(0, std::net::SocketAddr::port)
}

/// Says of keys that cannot be opened what that means here.
fn together(error: StartError, folder: &Path) -> StartError {
    match error {
        StartError::Keys(why) => StartError::Keys(format!(
            "{why}. Here: dev-secrets and the database in {} belong together; bring the file back, or remove the folder \
             to begin anew",
            folder.display()
        )),
        other => other,
    }
}
