package probe

import "net"

// tcpCheck succeeds when a connection is made; nothing is sent over it.
func tcpCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	e := endpointOf(t.Checker)
	return p.net.connect(e, false, func(_ net.Conn, err error) {
		if err != nil {
			done(failure("connect to "+e.to.String(), err, e.timeout))
			return
		}
		done(Result{OK: true, Reason: "connected to " + e.to.String()})
	})
}
