//! What a development server says when it is ready: addresses, clients, a person, and lines to paste into a shell.

use comfy_table::Table;
use comfy_table::presets::NOTHING;

/// What the banner tells.
pub(super) struct Banner {
    pub issuer: String,
    pub admin: String,
    pub demo: String,
    pub data: String,
    pub person: &'static str,
    pub password: String,
    /// Id, what it is, secret.
    pub clients: Vec<[String; 3]>,
}

impl Banner {
    /// The whole banner. Every line of its last part works as it is printed.
    pub(super) fn text(&self) -> String {
        let Self { issuer, admin, demo, data, person, password, .. } = self;
        format!(
            "
Sallyport {version} is ready.

  Open         {demo}
  and log in   {person}
  with         {password}

  issuer       {issuer}
  discovery    {issuer}/.well-known/openid-configuration
  admin API    {admin}/admin/clients
  data         {data}

{clients}

Try it in another terminal:

  # a token for a program
  {token}
  # what an API learns about it
  {introspect}
  # what the server can do
  curl -sS {issuer}/.well-known/openid-configuration

Ctrl-C stops it. Everything stays in {data}; the same command starts it again.
",
            version = env!("CARGO_PKG_VERSION"),
            clients = self.table(),
            token = self.token_line(),
            introspect = self.introspection_line(),
        )
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["CLIENT", "WHAT IT IS", "SECRET"]);
        for client in &self.clients {
            table.add_row(client);
        }
        table.to_string()
    }

    fn token_line(&self) -> String {
        let machine = self.credentials("demo-machine");
        format!(
            "TOKEN=$(curl -sS -u '{machine}' -d grant_type=client_credentials -d audience=demo-api {}/oauth2/token \
             | sed -n 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/p'); echo \"$TOKEN\"",
            self.issuer
        )
    }

    fn introspection_line(&self) -> String {
        let api = self.credentials("demo-api");
        format!("curl -sS -u '{api}' -d \"token=$TOKEN\" {}/oauth2/introspect", self.issuer)
    }

    /// `id:secret` for curl. Generated secrets hold no quote.
    fn credentials(&self, id: &str) -> String {
        let secret = self.clients.iter().find(|client| client[0] == id).map_or("", |client| &client[2]);
        format!("{id}:{secret}")
    }
}
