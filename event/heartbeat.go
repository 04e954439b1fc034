package event

import "time"

// HeartbeatInterval is the longest time between two heartbeats of a healthy
// worker: messages of its main loop that say that this loop runs.
const HeartbeatInterval = 500 * time.Millisecond
