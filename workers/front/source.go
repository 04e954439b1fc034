package front

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lvs-director/director/worker/front"
	"github.com/lvs-director/director/workers/front/metrics"
	"github.com/lvs-director/director/workers/front/web"
)

// page is what all who read within a second are given.
type page struct {
	at   time.Time
	text []byte        // of metrics; nil when they are not asked for
	web  *web.Snapshot // nil when the page is not asked for

	once   sync.Once
	zipped []byte
}

// gzip is the text in gzip's form.
func (p *page) gzip() []byte {
	p.once.Do(func() {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		if err == nil {
			_, err = w.Write(p.text)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			panic(fmt.Sprintf("compressing into memory: %v", err))
		}
		p.zipped = b.Bytes()
	})
	return p.zipped
}

// source has the page of now. However many ask, one question is under way.
type source struct {
	ask func() error

	mu      sync.Mutex
	latest  *page
	waiting chan struct{} // closed with the answer; nil when nothing is asked
	failed  error         // of the last answer
	asked   time.Time     // when what is waited for was
	took    time.Duration // from the last question to its answer
}

func newSource(ask func() error) *source { return &source{ask: ask} }

// get returns a page that is no older than front.SnapshotInterval, or than front.Pause when it took long.
func (s *source) get(ctx context.Context) (*page, error) {
	s.mu.Lock()
	if s.latest != nil && time.Since(s.latest.at) < front.Pause(s.took) {
		defer s.mu.Unlock()
		return s.latest, nil
	}
	waiting := s.waiting
	if waiting == nil {
		waiting = make(chan struct{})
		s.waiting, s.asked = waiting, time.Now()
		go s.question()
	}
	s.mu.Unlock()
	select {
	case <-waiting:
	case <-ctx.Done():
		return nil, fmt.Errorf("asking the supervisor for the status: %w", ctx.Err())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest, s.failed
}

func (s *source) question() {
	if err := s.ask(); err != nil {
		s.answer(nil, fmt.Errorf("asking the supervisor for the status: %w", err))
	}
}

// answer takes in what the supervisor says.
func (s *source) answer(p *page, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest, s.failed, s.took = p, err, time.Since(s.asked)
	if s.waiting != nil {
		close(s.waiting)
		s.waiting = nil
	}
}

// networks are those of the interfaces of this host; none when the kernel does not say.
func networks() metrics.Links {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	names := make(map[int]string, len(interfaces))
	for _, i := range interfaces {
		names[i.Index] = i.Name
	}
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil
	}
	links := make(metrics.Links, len(names))
	for _, a := range addresses {
		ip, ok := netip.AddrFromSlice(a.IP)
		ones, _ := a.Mask.Size()
		if name := names[a.LinkIndex]; ok && name != "" {
			links[name] = append(links[name], netip.PrefixFrom(ip.Unmap(), ones))
		}
	}
	return links
}
