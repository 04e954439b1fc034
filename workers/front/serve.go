package front

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lvs-director/director/workers/front/metrics"
)

// readPatience bounds how long a reader waits for the status: Prometheus gives up after 10 s. The supervisor
// answers within it, also when a worker hangs.
const readPatience = 9 * time.Second

// perSecond bounds the requests of all readers together, and ofOne those of one host: a reader that asks
// all the time takes nothing from Prometheus.
const (
	perSecond = 200
	ofOne     = 20
)

// server serves /metrics, and nothing else.
func (p *process) server() *http.Server {
	budget := &budget{of: make(map[netip.Addr]int)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		at, _ := netip.ParseAddrPort(r.RemoteAddr) // one that cannot be read is one host
		if !budget.take(time.Now(), host(at.Addr())) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests", http.StatusTooManyRequests)
			return
		}
		p.metrics(w, r)
	})
	return &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 65 * time.Second, MaxHeaderBytes: 8 << 10,
	}
}

// host is what counts as one: an IPv4 address, or an IPv6 network of a link.
func host(a netip.Addr) netip.Addr {
	if a = a.Unmap(); !a.Is6() {
		return a
	}
	p, _ := a.WithZone("").Prefix(64) // cannot fail
	return p.Addr()
}

func (p *process) metrics(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readPatience)
	defer cancel()
	page, err := p.source.get(ctx)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	text := page.text
	if text == nil {
		http.Error(w, "metrics are asked for only now: try again", http.StatusServiceUnavailable)
		return
	}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		text = page.gzip()
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Type", metrics.Format())
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Header().Set("Vary", "Accept-Encoding")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(text) // a reader that went away is no event
}

// budget counts the requests of a second.
type budget struct {
	mu     sync.Mutex
	second int64
	taken  int
	of     map[netip.Addr]int
}

// take says whether there is room for one more of a host. What is refused counts for the host alone.
func (b *budget) take(now time.Time, of netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := now.Unix(); s != b.second {
		b.second, b.taken = s, 0
		clear(b.of)
	}
	if b.taken == perSecond || b.of[of] == ofOne {
		return false
	}
	b.taken++
	b.of[of]++
	return true
}
