//go:build linux

package native_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// bfdLab is a director and a neighbor on one network.
type bfdLab struct {
	*lab.Lab
	here, there *lab.Host
	director    *pair.Daemon
	peers       pair.BFDDaemons
}

const (
	bfdHere, bfdThere   = "10.1.0.1", "10.1.0.2"
	bfdHere6, bfdThere6 = "2001:db8:1::1", "2001:db8:1::2"
)

func newBFDLab(t *testing.T) *bfdLab {
	t.Helper()
	stage.Require(t)
	b := &bfdLab{peers: stage.BFDDaemons(t), Lab: lab.New(t)}
	front := b.Network("front")
	b.here, b.there = b.Host("director"), b.Host("neighbor")
	b.here.Attach(front, "eth0", bfdHere+"/24")
	b.there.Attach(front, "eth0", bfdThere+"/24")
	b.here.Address("eth0", bfdHere6+"/64")
	b.there.Address("eth0", bfdThere6+"/64")
	return b
}

// session is a configuration with one session and an instance that tracks it.
func bfdSession(name, neighbor string, lines ...string) string {
	return fmt.Sprintf("bfd_instance %s {\n    neighbor_ip %s\n    %s\n}\n", name, neighbor, strings.Join(lines, "\n    "))
}

func (b *bfdLab) start(t *testing.T, text string) {
	t.Helper()
	b.director = pair.Start(t, stage.Director(), b.here, "global_defs {\n    router_id here\n}\n"+text)
}

// state is what director says of a session.
func (b *bfdLab) status() string {
	out, _ := b.here.Output(b.director.StatusCommand()...)
	return out
}

const bfdd = "bfd\n peer %s\n  receive-interval %d\n  transmit-interval %d\n  detect-multiplier %d\n exit\nexit\n"

// TestBFDWithFRR: a session with bfdd comes up.
func TestBFDWithFRR(t *testing.T) {
	b := newBFDLab(t)
	peer := pair.StartBFDd(t, b.peers, b.there, fmt.Sprintf(bfdd, bfdHere, 300, 300, 3))
	b.start(t, bfdSession("r1", bfdThere, "min_tx 100", "min_rx 100", "multiplier 3"))
	b.Until(20*time.Second, "bfdd says that the session is up", func() bool { return peer.Peer(bfdHere).Status == "up" })
	t.Logf("%+v", peer.Peer(bfdHere))
	b.Until(5*time.Second, "the director says so too", func() bool { return b.director.Printed(time.Time{}, "to=Up") })
}
