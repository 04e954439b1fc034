package probe

import "github.com/lvs-director/director/event"

// Programs runs the program of a MISC_CHECK, by its identity, to its end. done is called at
// most once, from any goroutine, and not after cancel has returned.
type Programs func(id string, done func(event.ProgramEnd)) (cancel func())

// miscCheck succeeds when its program ends with exit status 0. With misc_dynamic the
// statuses 2 to 255 are a success too, and ask for the weight that is 2 less.
func miscCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	m := t.Checker.Misc
	if m == nil || p.opts.Programs == nil {
		done(Result{Local: true, Reason: "programs of checks are not run here"})
		return func() {}
	}
	dynamic := m.Dynamic
	return p.opts.Programs(m.ProgramID(), func(e event.ProgramEnd) { done(miscResult(e, dynamic)) })
}

// miscResult is what the end of a program means. One that could not be run says nothing
// about the server.
func miscResult(e event.ProgramEnd, dynamic bool) Result {
	r := Result{Reason: e.String()}
	switch {
	case e.Err != "":
		r.Local = true
	case e.TimedOut || e.Signal != "":
	case e.Code == 0:
		r.OK = true
	case dynamic && e.Code >= 2 && e.Code <= 255:
		r.OK, r.Wish = true, event.Wish{Kind: event.WishWeight, N: e.Code - 2}
	}
	return r
}
