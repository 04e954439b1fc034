package worker_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// counted is a stream that counts what is written to it.
type counted struct {
	net.Conn
	writes, bytes int
}

func (c *counted) Write(p []byte) (int, error) {
	c.writes++
	c.bytes += len(p)
	return c.Conn.Write(p)
}

// many are messages of every kind that travels in a batch, and one that does not.
func many() (list []worker.Message) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 100 {
		vs, rs := fmt.Sprintf("[10.0.0.%d]:tcp:80", i/50), fmt.Sprintf("[10.1.0.%d]:tcp:80", i)
		list = append(list,
			worker.Message{RealServer: &event.RealServerState{VirtualServer: vs, RealServer: rs, Up: i%2 == 0, Since: at}},
			worker.Message{Check: &event.CheckResult{VirtualServer: vs, RealServer: rs, OK: true, At: at}})
		if i%50 == 0 {
			list = append(list, worker.Message{VirtualServer: &event.VirtualServerState{VirtualServer: vs, Quorum: true}},
				worker.Message{InTable: &event.ServersInTable{VirtualServer: vs, Servers: []event.ServerInTable{{RealServer: rs}}}},
				worker.Message{Table: &event.TableLoaded{Generation: uint64(i)}})
		}
	}
	return list
}

// TestManyMessagesTravelTogether, in order, to a reader that says that it reads them so,
// and one by one to one that does not, such as the last release.
func TestManyMessagesTravelTogether(t *testing.T) {
	var size [2]int
	for n, hello := range []*worker.Hello{{Version: worker.ProtocolVersion}, worker.NewHello()} {
		a, b := net.Pipe()
		stream := &counted{Conn: a}
		ours, theirs := worker.NewConn(stream), worker.NewConn(b)
		go theirs.Write(worker.Message{Hello: hello})
		if _, err := ours.Read(); err != nil {
			t.Fatal(err)
		}
		list := many()
		go func() {
			defer ours.Close()
			if err := ours.WriteAll(list); err != nil {
				t.Error(err)
			}
		}()
		for i, want := range list {
			got, err := theirs.Read()
			if err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			want.Seq = uint64(i + 1)
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("message %d (-want +got):\n%s", i, d)
			}
		}
		if _, err := theirs.Read(); err != io.EOF {
			t.Errorf("after the last one: %v", err)
		}
		if stream.writes != 1 {
			t.Errorf("%d messages took %d writes", len(list), stream.writes)
		}
		size[n] = stream.bytes
	}
	if size[1] > size[0]/2 {
		t.Errorf("%d bytes together, %d one by one", size[1], size[0])
	}
}

// TestABatchThatIsNoneIsRefused: whatever stands in a frame, Read returns an error.
func TestABatchThatIsNoneIsRefused(t *testing.T) {
	for _, body := range []string{"b", "bx", "b\x03\x04\x00", "b\xff\xff\xff\xff\xff\xff"} {
		conn := worker.NewConn(readOnly{bytes.NewReader(frame(uint32(len(body)), []byte(body)))})
		if m, err := conn.Read(); err == nil {
			t.Errorf("%q is read as %+v", body, m)
		}
	}
}
