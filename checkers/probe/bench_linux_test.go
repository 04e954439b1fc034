package probe_test

import (
	"log/slog"
	"net"
	"testing"

	"github.com/lvs-director/director/checkers/probe"
)

// BenchmarkTCP is the cost of one TCP_CHECK of a server that answers, 64 at a
// time: through the epoll loop, and with a goroutine and a net.Dialer each.
func BenchmarkTCP(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	to := l.Addr().(*net.TCPAddr).AddrPort()
	for _, which := range []string{"epoll", "dialer"} {
		b.Run(which, func(b *testing.B) {
			opts := probe.Options{Log: slog.New(slog.DiscardHandler)}
			p := probe.NewDialer(opts)
			if which == "epoll" {
				var err error
				if p, err = probe.New(opts); err != nil {
					b.Fatal(err)
				}
			}
			defer p.Close()
			b.ReportAllocs()
			tickets, c := make(chan bool, 64), tcpCheck(to)
			for b.Loop() {
				tickets <- true
				p.Start(probe.Target{Checker: c}, func(r probe.Result) {
					if !r.OK {
						b.Error(r.Reason)
					}
					<-tickets
				})
			}
			for range cap(tickets) {
				tickets <- true
			}
		})
	}
}
