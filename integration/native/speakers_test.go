//go:build linux

package native_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestSpeakers: FRR and BIRD, set up as docs/ecmp.md has them, tell the router what director announces, and nothing
// that director has withdrawn or that has expired.
func TestSpeakers(t *testing.T) {
	stage.Require(t)
	speakers := stage.Speakers(t)
	session := pair.Session{Hold: 9 * time.Second}
	l := lab.New(t)
	front := l.Network("front")
	router := l.Host("router")
	router.Attach(front, "eth1", "192.0.2.1/24")
	speakers.StartFRRouting(t, router, session.Router(), session.BFDd())
	addresses := []string{"192.0.2.2", "192.0.2.3"}
	var sides []*announcing
	for i, address := range addresses {
		a := &announcing{Lab: l, t: t, host: l.Host([]string{"dir1", "dir2"}[i])}
		a.host.Attach(front, "eth0", address+"/24")
		a.file = a.host.WriteFile("ready", "0\n")
		a.makeDevice()
		if i == 0 {
			speakers.StartFRRouting(t, a.host, session.FRR(address), session.BFDd())
		} else {
			speakers.StartBIRDRouting(t, a.host, session.BIRD(address))
		}
		a.daemon = pair.Start(t, stage.Director(), a.host, announceConf(a.file, announced4))
		sides = append(sides, a)
	}
	uses := func(what string, limit time.Duration, want ...string) {
		t.Helper()
		began := time.Now()
		l.Until(limit, what, func() bool {
			out, _ := router.Output("ip", "route", "show", announced4)
			var via []string
			words := strings.Fields(out)
			for i, w := range words[:max(len(words)-1, 0)] {
				if w == "via" {
					via = append(via, words[i+1])
				}
			}
			slices.Sort(via)
			return slices.Equal(via, want)
		})
		l.Logf("%s: the router uses %v after %v", what, want, time.Since(began).Round(10*time.Millisecond))
	}
	uses("both announce", 60*time.Second, addresses...)
	sides[0].says("withdrawn after", "handover", "edge")
	uses("FRR's is drained", 5*time.Second, addresses[1])
	sides[0].says("is announced again", "resume", "edge")
	uses("it is back", 20*time.Second, addresses...)
	for i, a := range sides {
		if err := syscall.Kill(a.daemon.Pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		uses(a.host.Name+" hangs", lifetime+2*time.Second+slack, addresses[1-i])
		if err := syscall.Kill(a.daemon.Pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		uses(a.host.Name+" goes on", 30*time.Second, addresses...)
	}
	sides[1].daemon.Terminate()
	uses("BIRD's stops", 5*time.Second, addresses[0])
}
