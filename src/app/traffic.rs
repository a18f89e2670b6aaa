//! Counts requests in flight, and while the server stops says so: not ready, and no more on this connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};

/// How often the end of the traffic is looked for.
const LOOK: Duration = Duration::from_millis(10);
/// No request for this long counts as the end: what had begun to arrive has arrived, what was answered is on its way.
const QUIET: Duration = Duration::from_millis(150);

/// The traffic of one process.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    is_stopping: AtomicBool,
    in_flight: AtomicUsize,
}

/// A request in flight; it is not, once this is dropped.
struct InFlight(Arc<Traffic>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Traffic {
    /// From now on the server is stopping.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    /// Waits until no request has been in flight for a moment, at most for `patience`. False when some still are.
    pub(super) async fn ends(&self, patience: Duration) -> bool {
        let waiting = async {
            let mut quiet = Duration::ZERO;
            while quiet < QUIET {
                tokio::time::sleep(LOOK).await;
                let is_quiet = self.in_flight.load(Ordering::Acquire) == 0;
                quiet = if is_quiet { quiet + LOOK } else { Duration::ZERO };
            }
        };
        tokio::time::timeout(patience.max(QUIET * 2), waiting).await.is_ok()
    }
}

/// Surrounds every request of every listener.
///
/// # Errors
/// Those the handlers left unanswered.
pub(super) async fn count<B: MessageBody + 'static>(
    traffic: Data<Traffic>,
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody + use<B>>, Error> {
    let traffic = traffic.into_inner();
    traffic.in_flight.fetch_add(1, Ordering::AcqRel);
    let in_flight = InFlight(traffic);
    let is_stopping = in_flight.0.is_stopping.load(Ordering::Acquire);
    if is_stopping && req.path() == "/health/ready" {
        let body = r#"{"errors":{"server":"the server is stopping"}}"#;
        let answer = HttpResponse::ServiceUnavailable().content_type("application/json").body(body);
        return Ok(closing(req.into_response(answer)).map_into_right_body());
    }
    let answer = next.call(req).await?;
    let answer = if is_stopping { closing(answer) } else { answer };
    Ok(answer.map_into_left_body())
}

fn closing<B>(mut answer: ServiceResponse<B>) -> ServiceResponse<B> {
    answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    answer
}
