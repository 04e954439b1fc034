//go:build linux

package integration_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
	"github.com/moby/ipvs"
)

// TestRealServerDies: the host of a real server is lost; it leaves the tables
// of both directors, its requests go to the others, and it returns by itself.
func TestRealServerDies(t *testing.T) {
	forKinds(t, func(t *testing.T, kind pair.Kind) {
		site := pair.New(t, pair.NAT, 2)
		r := site.Run(t, both(kind), nil)

		broken := time.Now()
		r.Servers[0].Crash()
		untilOut(r, 0)
		r.UntilAnswered(5 * time.Second)
		r.Lab.Logf("real server lost: %v", r.Web.Between(broken, time.Now()))
		expectOnly(t, r, "rs2")

		r.Servers[0].Boot()
		r.Serve(0)
		untilIn(r, 0)
		expectEach(t, r)
	})
}

// TestWrongDigest: a page with the wrong digest fails the check as a missing page does.
func TestWrongDigest(t *testing.T) {
	forKinds(t, func(t *testing.T, kind pair.Kind) {
		site := pair.New(t, pair.NAT, 2)
		r := site.Run(t, both(kind), nil)

		broken := time.Now()
		r.Webs[0].SetPage("/health", "internal error\n")
		untilOut(r, 0)
		expectAnswered(t, r, "wrong digest, while every server answers", r.Web.Between(broken, time.Now()), inFlight)
		expectOnly(t, r, "rs2")

		r.Webs[0].SetPage("/health", pair.HealthyPage)
		untilIn(r, 0)
		expectEach(t, r)
	})
}

// TestInhibitOnFailure: a real server that is inhibited keeps its place in the
// table with weight 0.
func TestInhibitOnFailure(t *testing.T) {
	forKinds(t, func(t *testing.T, kind pair.Kind) {
		site := pair.New(t, pair.NAT, 2)
		r := site.Run(t, both(kind), func(_ int, c *pair.Config) { c.ServerOptions = []string{"inhibit_on_failure"} })
		r.Webs[0].KillAndWait()
		untilOut(r, 0)
		for _, vs := range pair.Table(r.Dirs[0]) {
			if len(vs.Servers) != 2 {
				t.Errorf("rs1 left the table:\n%s", pair.FormatTable(pair.Table(r.Dirs[0])))
			}
		}
		expectOnly(t, r, "rs2")
	})
}

// TestUDP: a service over UDP fails over as one over TCP does.
func TestUDP(t *testing.T) {
	for _, method := range []pair.Method{pair.NAT, pair.DR} {
		t.Run(string(method), func(t *testing.T) {
			stage.Require(t)
			site := pair.New(t, method, 2)
			for i, server := range site.Servers {
				address := site.ServerAddress(i)
				if method == pair.DR {
					address = pair.VIP
				}
				traffic.ServeEcho(server, 7, address)
			}
			r := site.Run(t, both(stage.Director()), func(_ int, c *pair.Config) { c.UDP = true })
			echo := traffic.StartClient(r.Client, "udp", pair.EchoService)
			started := time.Now()
			r.Lab.Until(5*time.Second, "answers over UDP", func() bool { return echo.AnsweredSince(started, 20) })

			broken := time.Now()
			r.Dirs[0].Crash()
			r.UntilMaster(1, r.Configs[1].MasterDownInterval()+slack)
			r.Lab.Until(5*time.Second, "answers over UDP again", func() bool {
				return echo.AnsweredSince(time.Now().Add(-500*time.Millisecond), 10)
			})
			seen := echo.Between(broken, time.Now())
			r.Lab.Logf("host crash, UDP: %v", seen)
			expectGap(t, r, "host crash, UDP", seen, r.Configs[1].MasterDownInterval())
		})
	}
}

// TestTableFlushedByHand: somebody runs ipvsadm -C. Director restores the table within about a
// second, and a connection that was idle in the meantime goes on.
func TestTableFlushedByHand(t *testing.T) {
	stage.Require(t)
	site := pair.New(t, pair.NAT, 2)
	r := site.Run(t, both(stage.Director()), nil)

	flushed := time.Now()
	err := r.Dirs[0].Do(func() error {
		table, err := ipvs.New("")
		if err != nil {
			return err
		}
		defer table.Close()
		return table.Flush()
	})
	if err != nil {
		t.Fatalf("flush the table of dir1: %v", err)
	}
	r.Lab.Until(time.Second+slack, "the table of dir1 is complete again", func() bool {
		return r.InTable(0, 0, 80) && r.InTable(0, 1, 80)
	})
	r.Lab.Logf("repaired after %v", time.Since(flushed).Round(time.Millisecond))
	r.UntilAnswered(5 * time.Second)
	if !r.Holds(0) {
		t.Error("dir1 lost its addresses after the flush")
	}
}

// expectOnly fails when requests made from now on are answered by another
// server, or not at all.
func expectOnly(t *testing.T, r *pair.Running, server string) {
	t.Helper()
	seen := someAnswers(r)
	expectAnswered(t, r, "with "+server+" alone", seen, 0)
	if len(seen.Servers) != 1 || seen.Servers[server] == 0 {
		t.Errorf("want answers of %s alone, got %v", server, seen.Servers)
	}
}

// someAnswers waits for a number of answers to requests made from now on, and
// sums up what became of these requests.
func someAnswers(r *pair.Running) traffic.Summary {
	from := time.Now()
	r.Lab.Until(5*time.Second, "the client gets answers", func() bool { return r.Web.AnsweredSince(from, 40) })
	return r.Web.Between(from, time.Now())
}

// expectEach fails when a server of the site does not answer any request made
// from now on.
func expectEach(t *testing.T, r *pair.Running) {
	t.Helper()
	seen := someAnswers(r)
	for _, server := range r.Servers {
		if seen.Servers[server.Name] == 0 {
			t.Errorf("no answers of %s: %v of %v", server.Name, seen, seen.Servers)
		}
	}
	expectAnswered(t, r, "with all servers", seen, 0)
}
