package probe

import (
	"strconv"

	"github.com/lvs-director/director/event"
)

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

// FileValue is what is in a track_file.
type FileValue struct {
	Value   int
	Missing bool // the configuration has no such track_file
}

// Files tells the value of a track_file as soon as it is known. done is called at most
// once, from any goroutine or before Files returns, and not after cancel has returned.
type Files func(name string, done func(FileValue)) (cancel func())

// fileCheck looks at the value of a track_file. Without a weight 0 is a success, and any
// other value a failure; reverse swaps them. With a weight the check never fails, and asks
// for the value times the weight more.
func fileCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	f := t.Checker.File
	if f == nil || p.opts.Files == nil {
		done(Result{Local: true, Reason: "no tracked file is read here"})
		return func() {}
	}
	name, weight, reverse := f.Name, f.Weight, f.Reverse
	return p.opts.Files(name, func(v FileValue) { done(fileResult(name, v, weight, reverse)) })
}

func fileResult(name string, v FileValue, weight int, reverse bool) Result {
	if v.Missing {
		return Result{Withdrawn: true, Reason: "track_file " + name + " is not configured"}
	}
	r := Result{OK: true, Reason: "track_file " + name + " has the value " + strconv.Itoa(v.Value)}
	if weight == 0 {
		r.OK = (v.Value == 0) != reverse
		r.Withdrawn = !r.OK
		return r
	}
	if reverse {
		weight = -weight
	}
	// Both have 32 bits, so that the product has at most 64.
	r.Wish = event.Wish{Kind: event.WishMore, N: v.Value * weight}
	return r
}

// Session is what a BFD session is like.
type Session struct {
	Up      bool
	Why     string // in words
	Missing bool   // the configuration has no such bfd_instance
}

// Sessions tells whether a BFD session is up as soon as that is known, in the way of Files.
type Sessions func(name string, done func(Session)) (cancel func())

// bfdCheck succeeds while a BFD session is up.
func bfdCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	name := t.Checker.BFD
	if p.opts.Sessions == nil {
		done(Result{Local: true, Reason: "BFD_CHECK: no BFD session is known here"})
		return func() {}
	}
	return p.opts.Sessions(name, func(s Session) {
		r := Result{OK: s.Up && !s.Missing, Withdrawn: !s.Up || s.Missing, Reason: "BFD session " + name}
		switch {
		case s.Missing:
			r.Reason += " is not configured"
		case s.Up:
			r.Reason += " is up"
		default:
			r.Reason += " is down"
		}
		if s.Why != "" {
			r.Reason += " (" + s.Why + ")"
		}
		done(r)
	})
}
