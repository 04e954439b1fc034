package front_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/worker/front"
)

// pair makes a connection with both ends in this process.
func pair(t *testing.T) (ours, theirs *front.Conn) {
	t.Helper()
	ours, file, err := front.Pair()
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	t.Cleanup(func() { ours.Close(); other.Close() })
	return ours, &front.Conn{Conn: other}
}

func TestFramesArrive(t *testing.T) {
	ours, theirs := pair(t)
	large := bytes.Repeat([]byte("x"), 1<<20)
	sent := make(chan error, 1)
	go func() {
		sent <- errors.Join(ours.Send(front.Apply, nil, time.Minute), ours.Send(front.Snapshot, large, time.Minute))
		ours.Close()
	}()
	if kind, body, err := theirs.Receive(10); kind != front.Apply || len(body) != 0 || err != nil {
		t.Errorf("received %q with %d bytes, %v", kind, len(body), err)
	}
	kind, body, err := theirs.Receive(front.MaxToFront)
	if kind != front.Snapshot || !bytes.Equal(body, large) || err != nil {
		t.Errorf("received %q with %d bytes, %v", kind, len(body), err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if _, _, err := theirs.Receive(10); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

// TestHostileFrames: what a front sends is bounded, and a lie about its length costs nothing.
func TestHostileFrames(t *testing.T) {
	for name, c := range map[string]struct {
		wire string
		says string
	}{
		"too long": {"\xff\xff\xff\xffq", "4294967295 bytes: at most 16384"},
		"cut":      {"\x00\x00\x00\x09qabc", io.ErrUnexpectedEOF.Error()},
		"cut head": {"\x00\x00", io.ErrUnexpectedEOF.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := pair(t)
			if _, err := theirs.Write([]byte(c.wire)); err != nil {
				t.Fatal(err)
			}
			theirs.Close()
			if _, _, err := ours.Receive(front.MaxFromFront); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// TestNobodyReads: a reader that hangs does not hold the sender for ever.
func TestNobodyReads(t *testing.T) {
	ours, _ := pair(t)
	err := ours.Send(front.Snapshot, make([]byte, 16<<20), 50*time.Millisecond)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want a deadline", err)
	}
}

func TestReportsAreCleaned(t *testing.T) {
	long := strings.Repeat("ä", 1000)
	r := front.Report{Problems: []string{"a\x1b[2Jb\nc", long, "3", "4", "5", "6", "7", "8", "9", "10"}}.Clean()
	if len(r.Problems) != 8 || r.Problems[0] != "a [2Jb c" || len(r.Problems[1]) > 300 {
		t.Errorf("cleaned: %q", r.Problems)
	}
}
