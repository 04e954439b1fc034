package front

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lvs-director/director/workers/front/metrics"
)

// readPatience bounds how long a reader waits for the status: Prometheus gives up after 10 s. The supervisor
// answers within it, also when a worker hangs.
const readPatience = 9 * time.Second

// perSecond bounds the requests of all readers together.
const perSecond = 100

// server serves /metrics, and nothing else.
func (p *process) server() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", p.metrics)
	budget := &budget{}
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !budget.take(time.Now()) {
				w.Header().Set("Retry-After", "1")
				http.Error(w, "too many requests", http.StatusTooManyRequests)
				return
			}
			mux.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 8 << 10,
	}
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
}

// take says whether there is room for one more.
func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := now.Unix(); s != b.second {
		b.second, b.taken = s, 0
	}
	b.taken++
	return b.taken <= perSecond
}
