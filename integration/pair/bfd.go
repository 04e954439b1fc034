//go:build linux

package pair

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/lab"
)

// BFDDaemons are other BFD daemons, unpacked from Debian's packages.
type BFDDaemons struct {
	FRR         FRR // with bfdd
	BFDd        string
	BIRD, BIRDC string
	BIRDEnv     []string
}

// BFDd is FRR's bfdd on a host, with the zebra that it needs.
type BFDd struct {
	*lab.Process
	t     lab.Reporter
	d     BFDDaemons
	host  *lab.Host
	zebra *lab.Process
	run   string

	complained bool
}

// StartBFDd starts FRR on a host. text is bfdd's configuration.
func StartBFDd(t lab.Reporter, d BFDDaemons, h *lab.Host, text string) *BFDd {
	t.Helper()
	b := &BFDd{t: t, d: d, host: h, run: filepath.Join(h.RunDir(), "frr")}
	if err := os.MkdirAll(b.run, 0o755); err != nil {
		t.Fatalf("start FRR on %s: %v", h.Name, err)
	}
	socket := filepath.Join(b.run, "zserv.api")
	os.Remove(socket)
	b.zebra = startFRRDaemon(t, d.FRR, h, "zebra", d.FRR.Zebra, "log stdout\n", socket, b.run)
	for deadline := time.Now().Add(20 * time.Second); ; {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("zebra on %s does not listen", h.Name)
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.Again(text)
	return b
}

// Again starts bfdd, which has ended, with another configuration.
func (b *BFDd) Again(text string) {
	b.t.Helper()
	socket := filepath.Join(b.run, "zserv.api")
	b.Process = startFRRDaemon(b.t, b.d.FRR, b.host, "bfdd", b.d.BFDd, "log stdout\n"+text, socket, b.run,
		"--bfdctl", filepath.Join(b.run, "bfdd.sock"))
}

// BFDPeer is what bfdd says of a session.
type BFDPeer struct {
	Peer       string `json:"peer"`
	Status     string `json:"status"` // up, down, init, shutdown
	ID         uint32 `json:"id"`
	RemoteID   uint32 `json:"remote-id"`
	Uptime     int    `json:"uptime"` // s
	Diagnostic string `json:"diagnostic"`
	RemoteDiag string `json:"remote-diagnostic"`
	Receive    int    `json:"receive-interval"` // ms
	Transmit   int    `json:"transmit-interval"`
	Multiplier int    `json:"detect-multiplier"`
	RemoteRx   int    `json:"remote-receive-interval"`
	RemoteTx   int    `json:"remote-transmit-interval"`
	RemoteMult int    `json:"remote-detect-multiplier"`
}

// Peers are its sessions; none when it does not answer.
func (b *BFDd) Peers() (list []BFDPeer) {
	out, err := b.Vtysh("show bfd peers json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &list)
	}
	if err != nil && !b.complained {
		b.complained = true
		b.t.Logf("bfdd on %s does not say what its peers are like: %v\n%s", b.host.Name, err, out)
	}
	return list
}

// Peer is the session with an address.
func (b *BFDd) Peer(address string) BFDPeer {
	for _, p := range b.Peers() {
		if p.Peer == address {
			return p
		}
	}
	return BFDPeer{}
}

// Downs is how often the session with an address was up and is no longer, by bfdd's counters.
func (b *BFDd) Downs(address string) int {
	out, err := b.Vtysh("show bfd peers counters json")
	var list []struct {
		Peer string `json:"peer"`
		Down int    `json:"session-down"`
	}
	if err != nil || json.Unmarshal([]byte(out), &list) != nil {
		return -1
	}
	for _, p := range list {
		if p.Peer == address {
			return p.Down
		}
	}
	return -1
}

// Vtysh runs commands, as FRR's vtysh does (which wants PAM), and returns what the last one has printed.
func (b *BFDd) Vtysh(commands ...string) (out string, err error) {
	conn, err := net.DialTimeout("unix", filepath.Join(b.run, "bfdd.vty"), time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	r := bufio.NewReader(conn)
	for _, c := range append([]string{"enable"}, commands...) {
		if _, err := conn.Write(append([]byte(c), 0)); err != nil {
			return out, err
		}
		var answer []byte // ends with three zeros and a status
		for !bytes.HasSuffix(answer, []byte{0, 0, 0}) {
			octet, err := r.ReadByte()
			if err != nil {
				return out, err
			}
			answer = append(answer, octet)
		}
		status, err := r.ReadByte()
		if out = string(bytes.TrimRight(answer, "\x00")); err != nil || status != 0 {
			return out, fmt.Errorf("command %q of bfdd: status %d, %w", c, status, err)
		}
	}
	return out, nil
}

// Stop ends bfdd and zebra.
func (b *BFDd) Stop(limit time.Duration) {
	b.Process.Stop(limit)
	b.zebra.Stop(limit)
}

// BIRD is a running BIRD.
type BIRD struct {
	*lab.Process
	d      BFDDaemons
	host   *lab.Host
	socket string
}

// StartBIRD starts BIRD on a host.
func StartBIRD(t lab.Reporter, d BFDDaemons, h *lab.Host, text string) *BIRD {
	t.Helper()
	b := &BIRD{d: d, host: h, socket: filepath.Join(h.RunDir(), "bird.ctl")}
	if err := os.MkdirAll(h.RunDir(), 0o755); err != nil {
		t.Fatalf("start BIRD on %s: %v", h.Name, err)
	}
	b.Process = h.StartCommand(lab.Command{Name: "bird", Env: d.BIRDEnv, Argv: []string{
		d.BIRD, "-f", "-c", h.WriteFile("bird.conf", text), "-s", b.socket, "-P", filepath.Join(h.RunDir(), "bird.pid")}})
	return b
}

// State is the state of the session with an address, in BIRD's words: "Up", "Down".
func (b *BIRD) State(address string) string {
	words := append(append([]string{}, b.d.BIRDEnv...), b.d.BIRDC, "-s", b.socket, "show bfd sessions")
	out, _ := b.host.Output(append([]string{"env"}, words...)...)
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 3 && f[0] == address {
			return f[2]
		}
	}
	return ""
}
