package lvs

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/worker"
)

// slowScripts runs scripts that take three seconds, and notes when each begins and ends.
type slowScripts struct {
	mu   sync.Mutex
	list []string
}

func (s *slowScripts) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, text)
}

// take is what was noted since.
func (s *slowScripts) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.list
	s.list = nil
	return list
}

func (s *slowScripts) Run(_ context.Context, c program.Command, started func(int)) program.Exit {
	what := strings.Join(c.Argv, " ")
	s.note(what + " begins")
	started(1)
	time.Sleep(3 * time.Second)
	s.note(what + " ends")
	return program.Exit{Argv: c.Argv}
}

func (s *slowScripts) Adopt(context.Context, *program.Handoff) program.Exit { return program.Exit{} }

// TestQuorumScriptsOverReload (lvs-cases L12): when a reload swaps all real servers, scripts are called only if
// the new ones have no quorum, or begin as not alive; the one that follows waits for the end of the one
// before; and new real servers come before old ones go.
func TestQuorumScriptsOverReload(t *testing.T) {
	const third = "10.0.0.33"
	calls := func(words ...string) (list []string) {
		for _, w := range words {
			list = append(list, w+" begins", w+" ends")
		}
		return list
	}
	site := func(change func(*conf.VirtualServer), servers ...string) *conf.Config {
		cfg := configuration(servers...)
		vs := cfg.VirtualServers[0]
		vs.QuorumUp, vs.QuorumDown = conf.Script{Argv: []string{"up"}}, conf.Script{Argv: []string{"down"}}
		if change != nil {
			change(vs)
		}
		return cfg
	}
	alpha := func(vs *conf.VirtualServer) {
		for _, rs := range vs.RealServers {
			rs.Checkers[0].Alpha = true
		}
	}
	quorum := func(n uint32) func(*conf.VirtualServer) { return func(vs *conf.VirtualServer) { vs.Quorum = n } }
	for _, test := range []struct {
		name          string
		before, after *conf.Config
		dead          string
		want          []string
	}{
		{"swapped", site(nil, first), site(nil, second), "", nil},
		{"swapped with alpha", site(alpha, first), site(alpha, second), "", calls("down", "up")},
		{"for a dead one", site(nil, first), site(nil, second), second, calls("down")},
		{"for a dead one with alpha", site(alpha, first), site(alpha, second), second, calls("down")},
		{"another script", site(nil, first), site(func(vs *conf.VirtualServer) {
			vs.QuorumUp = conf.Script{Argv: []string{"other"}}
		}, first), "", nil},
		{"another script, swapped", site(nil, first), site(func(vs *conf.VirtualServer) {
			vs.QuorumUp = conf.Script{Argv: []string{"other"}}
		}, second), "", nil},
		{"a quorum of 3 with 2 alive", site(quorum(1), first, second, third), site(quorum(3), first, second, third), third,
			calls("down")},
		{"a quorum of 1 again", site(quorum(3), first, second, third), site(quorum(1), first, second, third), third,
			calls("up")},
		{"two for two", site(quorum(2), first, second), site(quorum(2), second, third), "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				scripts := &slowScripts{}
				n := notify.New(notify.Options{Log: slog.New(slog.DiscardHandler), Runner: scripts})
				r.look = func(m worker.Message) {
					if m.VirtualServer != nil {
						n.VirtualServer(*m.VirtualServer)
					}
				}
				r.probes.took = 100 * time.Millisecond // else a new real server is never seen without a result
				if test.dead != "" {
					r.probes.set(test.dead, false)
				}
				n.Apply(test.before)
				r.configure(1, test.before, nil)
				time.Sleep(time.Minute)
				r.kernel.Forget()
				scripts.take()
				n.Apply(test.after)
				r.configure(2, test.after, nil)
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := scripts.take(); !slices.Equal(got, test.want) {
					t.Errorf("called %q, want %q", got, test.want)
				}
				var ops []string
				for _, op := range r.kernel.Done() {
					ops = append(ops, op.String())
				}
				added := slices.IndexFunc(ops, func(op string) bool { return strings.Contains(op, second) })
				gone := slices.IndexFunc(ops, func(op string) bool { return strings.Contains(op, first) })
				if test.name == "swapped" && (added < 0 || gone < added) {
					t.Errorf("the old real server goes before the new one comes: %q", ops)
				}
				if err := n.Stop(r.t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
