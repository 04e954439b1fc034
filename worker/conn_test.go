package worker_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

func pair(t *testing.T) (a, b *worker.Conn) {
	t.Helper()
	x, y := net.Pipe()
	a, b = worker.NewConn(x), worker.NewConn(y)
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestMessagesArriveAsTheyWereSent(t *testing.T) {
	a, b := pair(t)
	sent := []worker.Message{
		{Hello: &worker.Hello{Version: worker.ProtocolVersion, Pid: 7}},
		{Configure: &worker.Configure{
			Generation: 3,
			Config: &conf.Config{
				Path: "/etc/keepalived/keepalived.conf",
				Instances: []*conf.Instance{{
					Name: "VI_1", VRID: 51, AdvertInterval: 10 * time.Millisecond,
					Addresses: []conf.Address{{Prefix: netip.MustParsePrefix("10.0.0.100/32"), Device: "eth0"}},
				}},
				VirtualServers: []*conf.VirtualServer{{
					Key: conf.ServiceKey{Protocol: conf.TCP, Address: netip.MustParseAddr("2001:db8::1"), Port: 80},
					RealServers: []*conf.RealServer{{Checkers: []conf.Checker{{Kind: conf.HTTPGet,
						HTTP: &conf.HTTPCheck{Protocol: "1.0"}}}}},
				}},
			},
			Known: worker.Snapshot{Instances: []event.InstanceState{{Instance: "VI_1", State: event.Master}}, Died: time.Second},
		}},
		{Instance: &event.InstanceState{Instance: "VI_1", From: event.Backup, State: event.Master, Since: time.Unix(1, 2)}},
		{Table: &event.TableLoaded{Generation: 3, Error: "no"}},
		{Proceed: &worker.Proceed{}},
		{Finish: &worker.Finish{}},
		{Applied: &worker.Applied{Generation: 3, Error: "no"}},
		{Tracker: &event.TrackerState{Kind: event.TrackVirtualServer, Name: "x", Up: true, Value: -3, Ignored: true,
			Since: time.Unix(3, 4), Reason: "why"}},
		{Group: &event.GroupState{Group: "G", From: event.Init, State: event.Fault, Since: time.Unix(5, 6), Reason: "why",
			Quiet: true}},
		{LowerHeard: &event.LowerHeard{Instance: "VI_1", Priority: 3, Sender: "10.0.0.1", At: time.Unix(7, 8)}},
		{RealServer: &event.RealServerState{
			VirtualServer: "a", RealServer: "b", Up: true, Weight: 7, Since: time.Unix(9, 0), Reason: "why", Initial: true,
			Failed: []event.CheckResult{{VirtualServer: "a", RealServer: "b", Checker: "c", OK: true, Reason: "\"<&>\n",
				At: time.Unix(1, 1), Took: time.Nanosecond}},
		}},
		{VirtualServer: &event.VirtualServerState{
			VirtualServer: "a", Quorum: true, Alive: 1, Total: 2, Since: time.Unix(9, 9), Reason: "why", Error: "no",
			Repaired: 4,
		}},
	}
	go func() {
		for _, m := range sent {
			if err := a.Write(m); err != nil {
				t.Error(err)
			}
		}
		a.Close()
	}()
	for i, want := range sent {
		got, err := b.Read()
		if err != nil {
			t.Fatal(err)
		}
		want.Seq = uint64(i + 1)
		if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{}),
			cmpopts.IgnoreUnexported(conf.Config{})); d != "" {
			t.Error(d)
		}
	}
	if _, err := b.Read(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v, want EOF", err)
	}
}

type readOnly struct{ io.Reader }

func (readOnly) Write(p []byte) (int, error) { return len(p), nil }
func (readOnly) Close() error                { return nil }

func frame(size uint32, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, size), body...)
}

// What a broken worker writes ends its connection and nothing else.
func TestBadFramesAreErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		in   []byte
		want string
	}{
		"length cut off":    {[]byte{0, 0}, "length"},
		"body cut off":      {frame(100, []byte("abc")), "100 bytes"},
		"too long":          {frame(worker.MaxFrame+1, nil), "allowed"},
		"neither":           {frame(3, []byte("abc")), "decoding"},
		"gob cut off":       {frame(3, []byte("gbc")), "decoding"},
		"JSON cut off":      {frame(3, []byte("j{\"")), "decoding"},
		"empty":             {frame(0, nil), "decoding"},
		"announced, absent": {frame(worker.MaxFrame, nil), "reading"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := worker.NewConn(readOnly{bytes.NewReader(tc.in)}).Read()
			if err == nil || errors.Is(err, io.EOF) {
				t.Fatalf("error %v, want one that is not an end", err)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q does not say %q", err, tc.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	var w bytes.Buffer
	c := worker.NewConn(struct {
		io.ReadWriter
		io.Closer
	}{&w, io.NopCloser(nil)})
	if err := c.Write(worker.Message{Applied: &worker.Applied{Generation: 1}}); err != nil {
		f.Fatal(err)
	}
	f.Add(w.Bytes())
	w.Reset()
	if err := c.Write(worker.Message{Configure: &worker.Configure{Generation: 1}}); err != nil {
		f.Fatal(err)
	}
	f.Add(w.Bytes())
	f.Add(frame(5, []byte("hello")))
	f.Add(frame(4, []byte("b\x03\x04\x00")))
	f.Fuzz(func(t *testing.T, in []byte) {
		c := worker.NewConn(readOnly{bytes.NewReader(in)})
		for range 10 {
			if _, err := c.Read(); err != nil {
				return
			}
		}
	})
}

// What thousands of instances that move at once cost the channel.
func BenchmarkInstanceState(b *testing.B) {
	var stream bytes.Buffer
	c := worker.NewConn(struct {
		io.ReadWriter
		io.Closer
	}{&stream, io.NopCloser(nil)})
	m := worker.Message{Instance: &event.InstanceState{
		Instance: "VI_1", From: event.Backup, State: event.Master, Since: time.Now(), Priority: 100,
		Reason: "no advertisement within 3.609375s, the master was 192.0.2.1",
	}}
	for b.Loop() {
		if err := c.Write(m); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConfigureOf40000RealServers(b *testing.B) {
	cfg := &conf.Config{}
	for range 1000 {
		vs := &conf.VirtualServer{Key: conf.ServiceKey{Protocol: conf.TCP, Address: netip.MustParseAddr("10.0.0.1"),
			Port: 80}}
		for range 40 {
			vs.RealServers = append(vs.RealServers, &conf.RealServer{
				Key: conf.ServerKey{Address: netip.MustParseAddr("10.1.0.1"), Port: 80}, Weight: 1,
				Checkers: []conf.Checker{{Kind: conf.TCPCheck, Interval: time.Second, Timeout: time.Second}},
			})
		}
		cfg.VirtualServers = append(cfg.VirtualServers, vs)
	}
	var w bytes.Buffer
	c := worker.NewConn(struct {
		io.ReadWriter
		io.Closer
	}{&w, io.NopCloser(nil)})
	for b.Loop() {
		w.Reset()
		if err := c.Write(worker.Message{Configure: &worker.Configure{Config: cfg}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(w.Len())/1e6, "MB")
}

// TestAMessageThatWasReadIsLetGoOf: a configuration may be the last message for months.
func TestAMessageThatWasReadIsLetGoOf(t *testing.T) {
	a, b := pair(t)
	go a.Write(worker.Message{Configure: &worker.Configure{Generation: 1, Config: &conf.Config{}}})
	m, err := b.Read()
	if err != nil {
		t.Fatal(err)
	}
	read := weak.Make(m.Configure)
	m = worker.Message{}
	runtime.GC()
	if read.Value() != nil {
		t.Error("the connection keeps it")
	}
	runtime.KeepAlive(b)
}
