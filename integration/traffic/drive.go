//go:build linux

package traffic

import (
	"sync"
	"time"

	"github.com/lvs-director/director/integration/lab"
)

// Client is a client that runs on a host.
type Client struct {
	*lab.Process

	mu       sync.Mutex
	requests []Request
}

// StartClient starts a client on a host that sends requests to a target
// ("192.0.2.1:80") continuously, over "tcp" or "udp".
func StartClient(h *lab.Host, network, target string) *Client {
	c := &Client{}
	c.Process = start(h, "client", "client-"+network, func(line string) {
		if r, ok := parseRequest(line); ok {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.requests = append(c.requests, r)
		}
	}, "-network", network, "-target", target)
	return c
}

// Between sums up the requests started from one time up to another. It first
// waits until each has an answer or has timed out.
func (c *Client) Between(from, to time.Time) Summary {
	time.Sleep(time.Until(to.Add(Patience + 200*time.Millisecond)))
	c.mu.Lock()
	defer c.mu.Unlock()
	return Summarize(c.requests, from, to)
}

// SoFar sums up the requests that have ended since the given time.
func (c *Client) SoFar(from time.Time) Summary {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ended []Request
	for i := len(c.requests) - 1; i >= 0; i-- {
		r := c.requests[i]
		if r.Start.Add(r.Took).Before(from) {
			break // requests are kept in the order of their ends
		}
		r.Start = r.Start.Add(r.Took)
		r.Took = 0
		ended = append(ended, r)
	}
	return Summarize(ended, from, time.Now())
}

// AnsweredSince reports whether at least n requests that started after the
// given time have been answered.
func (c *Client) AnsweredSince(from time.Time, n int) bool {
	return c.since(from, func(r Request) bool { return r.Outcome == Answered }) >= n
}

// AnsweredBy counts the answers of one server to requests after the given
// time.
func (c *Client) AnsweredBy(server string, from time.Time) int {
	return c.since(from, func(r Request) bool { return r.Server == server })
}

func (c *Client) since(from time.Time, counts func(Request) bool) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for i := len(c.requests) - 1; i >= 0; i-- {
		r := c.requests[i]
		if r.Start.Before(from.Add(-2 * Patience)) {
			break // requests are kept in the order of their ends
		}
		if !r.Start.Before(from) && counts(r) {
			n++
		}
	}
	return n
}

// LastAnswer is when the newest answer so far arrived.
func (c *Client) LastAnswer() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.requests) - 1; i >= 0; i-- {
		if r := c.requests[i]; r.Outcome == Answered {
			return r.Start.Add(r.Took)
		}
	}
	return time.Time{}
}
