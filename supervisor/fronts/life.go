package fronts

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode"

	"github.com/lvs-director/director/signals"
	"github.com/lvs-director/director/worker/front"
)

// A front that has said nothing for so many rounds is silent; later it is killed. One that has just
// been started has more time. However long this process itself did not run, that is one round.
const (
	round        = front.AliveInterval
	silentRounds = 3
	deadRounds   = 10
	startRounds  = 30
	// maxFrames is how much it may say in a round, and framesOfPeer how much more for each peer: what one may say
	// (workers/front/peer), and what becomes of its connections.
	maxFrames    = 100
	framesOfPeer = 100
)

// sendPatience bounds the sending of a frame, and snapshotPatience the making of a snapshot.
const (
	sendPatience     = 10 * time.Second
	snapshotPatience = 4 * time.Second
)

// ended is how a front ended.
type ended struct {
	pid     int
	err     error
	planned bool // nobody wants it any more
}

// frame is one that the front has sent.
type frame struct {
	kind front.Kind
	body []byte
}

// life is a front that runs. Its fields belong to the goroutine of live.
type life struct {
	k    *Keeper
	cmd  *exec.Cmd
	conn *front.Conn
	sent chan error // the end of what is being sent
	// sending: something is; applying and asked are what has to be sent then.
	sending, applying, asked bool
	snapped                  time.Time     // when the last snapshot was begun
	pause                    time.Duration // from then to the next one
	snapping                 time.Time     // when the one under way was; zero is none
	why                      string        // it was killed; empty is that it was not
	planned                  bool
	greeted                  bool
	quiet                    int // rounds in which it has said nothing
	complaints               complaints
	wrong                    wrongTokens
	frames                   int         // of this round
	complaint                chan string // the first line that it has printed, when it has ended
	last                     bool        // it has to be told that nothing follows
	requests                 requests
	socket                   Socket           // that it has inherited
	over                     <-chan time.Time // it has had the time for that
}

// live starts a front and returns when it has ended.
func (k *Keeper) live(ctx context.Context) ended {
	conn, peer, err := front.Pair()
	if err != nil {
		return ended{err: err}
	}
	defer conn.Close()
	read, write, err := os.Pipe()
	if err != nil {
		peer.Close()
		return ended{err: fmt.Errorf("making a pipe: %w", err)}
	}
	defer read.Close()
	socket := k.Socket() // before the start: of one that changes meanwhile k.changed tells
	cmd, err := k.o.Start(peer, write)
	peer.Close()
	write.Close()
	if err != nil {
		return ended{err: fmt.Errorf("it cannot be started: %w", err)}
	}
	l := &life{k: k, cmd: cmd, conn: conn, sent: make(chan error, 1), applying: true, complaint: make(chan string, 1),
		requests: newRequests(), socket: socket}
	defer l.tidy()
	k.forgetChanges() // the settings have the states
	go func() { l.complaint <- firstLine(read) }()
	k.forgetForPeers() // it is connected to nobody
	now := time.Now()
	k.update(func(s *State) { s.Pid, s.Since, s.Silent, s.Error = cmd.Process.Pid, now, false, "" })
	k.o.Log.Info("the front is started", "worker", front.Name, "pid", cmd.Process.Pid)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	frames := make(chan frame)
	broken := make(chan error, 1)
	go func() { broken <- receive(ctx, conn, frames) }()
	exit := make(chan error, 1)
	go func() { exit <- signals.Wait(cmd) }()
	rounds := time.NewTicker(round)
	defer rounds.Stop()
	done := ctx.Done()
	for {
		l.send(ctx)
		select {
		case f := <-frames:
			l.heard(ctx, f)
		case a := <-l.requests.done:
			l.requests.ended(a)
		case err := <-broken:
			if err != nil {
				l.kill("it says what is not understood: " + err.Error())
			}
			broken = nil // the end follows
		case err := <-l.sent:
			l.sending = false
			if !l.snapping.IsZero() {
				l.pause, l.snapping = front.Pause(time.Since(l.snapping)), time.Time{}
			}
			if err != nil {
				l.kill("it does not take what it is told: " + err.Error())
			}
		case <-rounds.C:
			l.round()
		case <-k.tell: // send looks
		case <-k.changed:
			if _, ok := k.wanted(); !ok {
				l.planned = true
				l.kill("nobody wants it any more")
			} else if k.Socket() != l.socket {
				l.planned = true
				l.kill("the next one has another Unix socket")
			}
			l.applying = true
		case <-k.news: // send takes them
		case <-done:
			l.planned, done = true, nil
			if !l.goodbye() {
				l.kill("director ends")
			}
		case <-l.over:
			l.kill("director ends")
		case err := <-exit:
			return l.end(err)
		}
	}
}

// longest bounds a frame of a kind.
func longest(kind front.Kind) int {
	if kind == front.PeerFrame {
		return front.MaxPeerFrame
	}
	return front.MaxFromFront
}

// receive passes on what a front says until it is gone.
func receive(ctx context.Context, conn *front.Conn, frames chan<- frame) error {
	for {
		kind, body, err := conn.ReceiveEach(longest)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		select {
		case frames <- frame{kind, body}:
		case <-ctx.Done():
			return nil
		}
	}
}

// heard takes in a frame. Asking again changes nothing.
func (l *life) heard(ctx context.Context, f frame) {
	settings, _ := l.k.wanted()
	if most := maxFrames + framesOfPeer*len(settings.Peers.List); l.frames >= most {
		l.kill(fmt.Sprintf("it has said more than %d things in %v", most, round))
		return
	}
	l.frames++
	l.greeted, l.quiet = true, 0
	now := time.Now()
	l.k.update(func(s *State) { s.Heard, s.Silent = now, false })
	switch f.kind {
	case front.Ask:
		l.asked = true
	case front.Alive:
		var r front.Report
		if err := json.Unmarshal(f.body, &r); err != nil {
			l.kill("it says what is not understood: " + err.Error())
			return
		}
		r = r.Clean()
		l.complaints.reported(l.k, r.Problems, now)
		l.wrong.heard(l.k, r.Refused, now)
	case front.Do:
		var q front.Request
		if err := json.Unmarshal(f.body, &q); err != nil {
			l.kill("it says what is not understood: " + err.Error())
			return
		}
		s, _ := l.k.wanted()
		if q.Way == front.ByWeb && q.Action != front.History && s.Web.Holder(q.Token) == "" {
			l.wrong.heard(l.k, []front.Refused{{From: q.Clean().Who, Times: 1}}, now)
		}
		if !l.requests.begin(ctx, s, q.Clean(), l.k.o.Do) {
			l.kill("it does not wait for the answers to what it asks")
		}
	case front.PeerFrame:
		var n front.PeerNews
		if err := json.Unmarshal(f.body, &n); err != nil {
			l.kill("it says what is not understood: " + err.Error())
			return
		}
		if l.k.o.Peer != nil {
			l.k.o.Peer(n)
		}
	default:
		l.kill(fmt.Sprintf("it says what is not understood: a frame of kind %q", f.kind))
	}
}

// send begins to send what has to be, unless something is being sent.
func (l *life) send(ctx context.Context) {
	switch {
	case l.sending || l.why != "":
	case l.applying:
		l.applying, l.sending = false, true
		s, _ := l.k.wanted()
		go func() { l.sent <- l.conn.Send(front.Apply, marshal(s), sendPatience) }()
	case len(l.requests.answers) > 0:
		l.sending = true
		a := l.requests.next()
		go func() { l.sent <- l.conn.Send(front.Done, marshal(a), sendPatience) }()
	case l.last || l.k.changing():
		c := front.Changes{List: l.k.takeChanges(), Stopped: l.last}
		l.last, l.sending = false, true
		go func() { l.sent <- l.conn.Send(front.Change, marshal(c), sendPatience) }()
	case l.k.hasForPeers():
		l.sending = true
		m := l.k.nextForPeers()
		go func() { l.sent <- l.conn.Send(front.PeerFrame, marshal(m), sendPatience) }()
	case l.asked && time.Since(l.snapped) >= l.pause-round/10: // else with the next round
		l.asked, l.sending, l.snapped = false, true, time.Now()
		l.snapping = l.snapped
		go func() { l.sent <- l.answer(ctx) }()
	}
}

// answer sends a snapshot.
func (l *life) answer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, snapshotPatience)
	defer cancel()
	text, err := l.k.o.Snapshot(ctx)
	if err == nil && len(text) > front.MaxToFront {
		err = fmt.Errorf("the status has %d bytes: at most %d are allowed", len(text), front.MaxToFront)
	}
	if err != nil {
		return l.conn.Send(front.Failed, []byte(err.Error()), sendPatience)
	}
	return l.conn.Send(front.Snapshot, text, sendPatience)
}

// tidy removes the Unix socket that a process which has ended has had, unless the next one has it.
func (l *life) tidy() {
	if l.socket.Path == "" {
		return
	}
	if s, on := l.k.wanted(); !on || s.Web.Socket != l.socket.Path {
		l.socket.remove()
	}
}

// round looks whether it is silent.
func (l *life) round() {
	l.quiet++
	l.frames, l.requests.begun, l.requests.looked = 0, 0, 0
	l.wrong.say(l.k, time.Now())
	limit := deadRounds
	if !l.greeted {
		limit = startRounds
	}
	switch {
	case l.quiet == silentRounds && l.greeted:
		l.k.update(func(s *State) { s.Silent = true })
		l.k.o.Log.Error("the front has stopped answering: what it serves is not there; nothing else depends on it",
			"worker", front.Name, "pid", l.cmd.Process.Pid)
	case l.quiet >= limit:
		l.kill(fmt.Sprintf("it has said nothing for %v", time.Duration(limit)*round))
	}
}

// kill ends it; only the first reason counts.
func (l *life) kill(why string) {
	if l.why == "" {
		l.why = why
		_ = l.cmd.Process.Kill() // fails only when it has ended
	}
}

// end says how it ended.
func (l *life) end(err error) ended {
	e := ended{pid: l.cmd.Process.Pid, planned: l.planned}
	switch {
	case l.why != "":
		e.err = fmt.Errorf("it was killed: %s", l.why)
	case err != nil:
		e.err = err
	default:
		e.err = errors.New("it has ended by itself")
	}
	select {
	case text := <-l.complaint:
		if text != "" && l.why == "" {
			e.err = fmt.Errorf("%w: %s", e.err, text)
		}
	case <-time.After(complaintPatience): // somebody else has its standard error too
	}
	return e
}

const (
	complaintPatience = time.Second
	maxComplaint      = 1 << 20 // bytes that are read; it ends when it prints more
	maxLine           = 300     // bytes of the line that is told
)

// firstLine is the first line that a front prints: why it ends, of a Go program. The rest, such as the
// stacks of a panic, is read and dropped.
func firstLine(r io.Reader) string {
	b := bufio.NewReaderSize(io.LimitReader(r, maxComplaint), 4096)
	line, _ := b.ReadSlice('\n') // what there is
	text := strings.ToValidUTF8(string(line[:min(len(line), maxLine)]), "?")
	_, _ = io.Copy(io.Discard, b)
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text))
}
