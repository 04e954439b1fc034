package tracking

// verdict sums up the results of a script: rise successes in a row make it up, fall
// failures in a row make it down. The first result decides alone, as with
// keepalived.
type verdict struct {
	rise, fall int
	known, up  bool
	against    int // results in a row that contradict up
}

// newVerdict returns the verdict of a script without a result; with initFail it is down.
func newVerdict(rise, fall int, initFail bool) verdict {
	return verdict{rise: rise, fall: fall, known: initFail}
}

// result takes a result and returns whether the verdict has changed.
func (v *verdict) result(ok bool) (changed bool) {
	switch {
	case !v.known:
		v.known, v.up = true, ok
		return true
	case ok == v.up:
		v.against = 0
		return false
	}
	v.against++
	needed := v.fall
	if ok {
		needed = v.rise
	}
	if v.against < needed {
		return false
	}
	v.up, v.against = ok, 0
	return true
}

// limits replaces rise and fall.
func (v *verdict) limits(rise, fall int) { v.rise, v.fall = rise, fall }
