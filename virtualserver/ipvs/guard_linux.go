package ipvs

import (
	"errors"
	"time"
)

var errStuck = errors.New("the kernel has not answered an earlier request: its IPVS is stuck")

// guard runs requests that may never end. A netlink request is carried out
// inside the send, and the kernel can hang there for good (it loads modules
// with IPVS locked), where no deadline and no signal reaches it.
type guard struct {
	out chan struct{} // a request that did not come back; nil is none
}

// do runs request in a goroutine and waits for it, up to patience. While one
// request is still out, others fail at once: there is never more than one.
// After an error, what request would have written to must not be looked at.
func (g *guard) do(request func()) error {
	if g.out != nil {
		select {
		case <-g.out:
			g.out = nil
		default:
			return errStuck
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		request()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		g.out = done
		return ErrNoAnswer
	}
}

// close closes what requests use. That ends those that wait for an answer, and
// waits for those that hang in the kernel: nobody else does.
func (g *guard) close(closing func()) {
	if g.out != nil {
		go closing()
		return
	}
	closing()
}
