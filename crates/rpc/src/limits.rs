use std::time::Duration;

/// What one client, and all clients together, may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one HTTP body or WebSocket message.
    pub request_bytes_max: usize,
    /// Bytes of one answer, and of all answers of a batch together.
    pub response_bytes_max: usize,
    /// Calls in one batch.
    pub batch_calls_max: usize,
    /// HTTP requests and WebSocket messages in work at a time, over all clients; more wait for their turn.
    pub requests_in_work_max: usize,
    /// WebSocket connections.
    pub connections_max: usize,
    /// Messages of one WebSocket connection in work at a time.
    pub messages_in_work_max: usize,
    /// Subscriptions of one WebSocket connection.
    pub subscriptions_max: u32,
    /// Answers and notifications that wait for a slow WebSocket client.
    pub outbox_messages_max: usize,
    /// Time for a call, waiting for its turn included.
    pub call_time_max: Duration,
    /// Time for a client to send its body.
    pub body_time_max: Duration,
    /// A WebSocket client that answers no ping for twice this long is dropped.
    pub ping_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes_max: 5 << 20,
            response_bytes_max: 25 << 20,
            batch_calls_max: 1_000,
            requests_in_work_max: 512,
            connections_max: 1_024,
            messages_in_work_max: 32,
            subscriptions_max: 128,
            outbox_messages_max: 2_048,
            call_time_max: Duration::from_secs(40),
            body_time_max: Duration::from_secs(10),
            ping_interval: Duration::from_secs(30),
        }
    }
}
