package probe

// pingCheck succeeds when the reply to an echo request comes back.
func pingCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	e := endpointOf(t.Checker)
	return p.net.ping(e, func(err error) {
		if err != nil {
			done(failure("ping "+e.to.Addr().String(), err, e.timeout))
			return
		}
		done(Result{OK: true, Reason: "reply from " + e.to.Addr().String()})
	})
}
