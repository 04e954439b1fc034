package worker_test

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/worker"
)

// someServers are virtual servers in any order, some of them with another weight than before.
func someServers(r *rand.Rand) (list []*conf.VirtualServer) {
	for _, i := range r.Perm(20)[:r.IntN(20)] {
		at := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		list = append(list, &conf.VirtualServer{
			Key: conf.ServiceKey{Protocol: conf.TCP, Address: at, Port: 80}, Scheduler: "wlc", Quorum: 1,
			RealServers: []*conf.RealServer{{Key: conf.ServerKey{Address: at.Next(), Port: 80}, Weight: 1 + r.IntN(3)}},
		})
	}
	return list
}

// TestAConfigurationArrivesWhole, whatever the one before was, at a reader that takes it
// without what is unchanged and at one that does not.
func TestAConfigurationArrivesWhole(t *testing.T) {
	for _, hello := range []*worker.Hello{worker.NewHello(), {Version: worker.ProtocolVersion}} {
		r := rand.New(rand.NewPCG(1, 2))
		a, b := net.Pipe()
		ours, theirs := worker.NewConn(a), worker.NewConn(b)
		go theirs.Write(worker.Message{Hello: hello})
		if _, err := ours.Read(); err != nil {
			t.Fatal(err)
		}
		for generation := range uint64(200) {
			want := &conf.Config{VirtualServers: someServers(r)}
			written := make(chan error, 1)
			go func() {
				written <- ours.Write(worker.Message{Configure: &worker.Configure{Generation: generation, Config: want}})
			}()
			got, err := theirs.Read()
			if err := errors.Join(err, <-written); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want.VirtualServers, got.Configure.Config.VirtualServers, cmpopts.EquateEmpty(),
				cmp.Comparer(func(x, y netip.Addr) bool { return x == y })); d != "" || got.Configure.Unchanged != nil {
				t.Fatalf("generation %d (-want +got):\n%s", generation, d)
			}
		}
		ours.Close()
	}
}

// TestOneOfManyIsSentAlone: what a reload sends grows with what it changes.
func TestOneOfManyIsSentAlone(t *testing.T) {
	a, b := net.Pipe()
	stream := &counted{Conn: a}
	ours, theirs := worker.NewConn(stream), worker.NewConn(b)
	go theirs.Write(worker.Message{Hello: worker.NewHello()})
	if _, err := ours.Read(); err != nil {
		t.Fatal(err)
	}
	var size [2]int
	for n := range size {
		cfg := &conf.Config{}
		for i := range 1000 {
			v := &conf.VirtualServer{Key: conf.ServiceKey{Protocol: conf.TCP, Port: 80,
				Address: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}}
			for j := range 10 {
				v.RealServers = append(v.RealServers, &conf.RealServer{Weight: 1,
					Key: conf.ServerKey{Address: netip.AddrFrom4([4]byte{10, 1, byte(i), byte(j)}), Port: 80}})
			}
			cfg.VirtualServers = append(cfg.VirtualServers, v)
		}
		cfg.VirtualServers[500].RealServers[0].Weight += n
		before := stream.bytes
		written := make(chan error, 1)
		go func() { written <- ours.Write(worker.Message{Configure: &worker.Configure{Config: cfg}}) }()
		m, err := theirs.Read()
		if err = errors.Join(err, <-written); err != nil || len(m.Configure.Config.VirtualServers) != 1000 ||
			m.Configure.Config.VirtualServers[500].RealServers[0].Weight != 1+n {
			t.Fatalf("it did not arrive: %v", err)
		}
		size[n] = stream.bytes - before
	}
	if size[1] > size[0]/5 {
		t.Errorf("%d bytes, then %d for one of a thousand", size[0], size[1])
	}
}
