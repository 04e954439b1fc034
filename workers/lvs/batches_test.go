package lvs

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/worker"
)

// frames counts the frames of a stream of messages, and their bytes.
type frames struct {
	mu     sync.Mutex
	rest   []byte
	count  int
	length int
}

func (f *frames) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.length += len(b)
	f.rest = append(f.rest, b...)
	for len(f.rest) >= 4 {
		size := int(binary.BigEndian.Uint32(f.rest)) + 4
		if len(f.rest) < size {
			break
		}
		f.count++
		f.rest = f.rest[size:]
	}
	return len(b), nil
}

// manyServers are ten thousand real servers of twenty virtual servers, each checked every second.
func manyServers() *conf.Config {
	cfg := &conf.Config{}
	for v := range 20 {
		var list []string
		for i := range 500 {
			n := 500*v + i
			list = append(list, fmt.Sprintf("10.1.%d.%d", n/250, 1+n%250))
		}
		vs := configuration(list...).VirtualServers[0]
		vs.Key.Port = uint16(1000 + v)
		for _, rs := range vs.RealServers {
			rs.Checkers[0].Interval, rs.Checkers[0].Warmup = time.Second, time.Second
		}
		cfg.VirtualServers = append(cfg.VirtualServers, vs)
	}
	return cfg
}

// supervisor reads what a worker writes, and counts.
type supervisor struct {
	frames
	messages, tables int
	close            func() error
}

// write is how the worker writes to it.
func (s *supervisor) write() func([]worker.Message) error {
	ours, theirs := net.Pipe()
	conn, reader := worker.NewConn(ours), worker.NewConn(struct {
		io.Reader
		io.WriteCloser
	}{io.TeeReader(theirs, &s.frames), theirs})
	go reader.Write(worker.Message{Hello: worker.NewHello()})
	if _, err := conn.Read(); err != nil {
		panic(err)
	}
	go func() {
		for m, err := reader.Read(); err == nil; m, err = reader.Read() {
			s.frames.mu.Lock()
			s.messages++
			if m.InTable != nil {
				s.tables++
			}
			s.frames.mu.Unlock()
		}
	}()
	s.close = ours.Close
	return conn.WriteAll
}

// taken are the messages, those with the real servers of a virtual server, frames and bytes since it was
// called last.
func (s *supervisor) taken() (messages, tables, count, length int) {
	s.frames.mu.Lock()
	defer s.frames.mu.Unlock()
	messages, tables, count, length = s.messages, s.tables, s.count, s.length
	s.messages, s.tables, s.count, s.length = 0, 0, 0, 0
	return messages, tables, count, length
}

// TestManyChangesTravelTogether: of ten thousand checks five thousand change in one second. What the
// supervisor is told of it are two messages for each, and for each virtual server some, in few frames.
func TestManyChangesTravelTogether(t *testing.T) {
	const changed, services = 5000, 20
	s := &supervisor{}
	bubbleOver(t, nil, s.write, func(r *rig) {
		r.configure(1, manyServers(), nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if messages, _, count, length := s.taken(); count > 600 {
			t.Errorf("the start: %d messages in %d frames, %d bytes", messages, count, length)
		}
		for n := range 2 * changed {
			if n%2 == 0 {
				r.probes.set(fmt.Sprintf("10.1.%d.%d", n/250, 1+n%250), false)
			}
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		messages, tables, count, length := s.taken()
		t.Logf("%d messages, %d of them with real servers, in %d frames, %d bytes", messages, tables, count, length)
		if messages < 2*changed || messages > 2*changed+services*30 {
			t.Errorf("%d messages of %d checks that changed", messages, changed)
		}
		if tables < services || tables > services*5 {
			t.Errorf("%d times all real servers of a virtual server, of %d", tables, services)
		}
		if count > 200 || length > changed*3000 {
			t.Errorf("%d frames with %d bytes", count, length)
		}
		// What was held back is told in the end.
		r.probes.set("10.1.0.1", true)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if _, tables, _, _ := s.taken(); tables == 0 {
			t.Error("the last change is not told")
		}
		s.close()
	})
}
