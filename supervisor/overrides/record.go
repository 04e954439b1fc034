package overrides

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Record is what the halves of a pair tell each other: an override, or that there is none any
// more. Of two records that are about the same the one with the later stamp counts, wherever
// they meet and in whatever order they come.
type Record struct {
	event.Override
	// Removed: somebody has ended it, By, at Since. One whose time is over has ended without that.
	Removed bool `json:"removed,omitempty"`
	// Services tells by what it balances what VirtualServer was when that was asked for, for halves
	// that call it otherwise; empty when that is not known.
	Services string `json:"services,omitempty"`
}

// Bounds of a record, those of what the control socket takes.
const (
	maxName    = 300 // bytes, of a virtual server, a real server and a host
	maxText    = 1000
	maxLasting = 366 * 24 * time.Hour
	// maxStamp is in the year 2255: no clock of a host shows more, and there is room above it.
	maxStamp = 1 << 53
)

// maxAhead is how far the stamp of a record may be ahead of the clock of who takes it in. It is
// well above what clocks of a pair that differ can be argued with, and bounds for how long a
// wrong clock has the last word.
const maxAhead = 24 * time.Hour

// errAhead says that a clock is wrong.
type errAhead struct {
	host string
	by   time.Duration
}

func (e errAhead) Error() string {
	return fmt.Sprintf("what was asked for on %s is stamped %v ahead of the clock of this host: it is not taken in until "+
		"the clocks agree", e.host, e.by.Round(time.Minute))
}

// check says what is wrong with a record of a peer.
func (r Record) check(now time.Time) error {
	if err := r.valid(); err != nil {
		return err
	}
	switch {
	case r.Local || r.Source != event.SourceOperator:
		return fmt.Errorf("an override of %q is for one half only", r.RealServer)
	case r.Stamp.Host == "":
		return errors.New("an override does not say where it was asked for")
	}
	if by := r.Stamp.Time().Sub(now); by > maxAhead {
		return errAhead{r.Stamp.Host, by}
	}
	return nil
}

// valid says what of a record is nothing that a director can have made.
func (r Record) valid() error {
	for _, text := range []string{r.VirtualServer, r.RealServer, r.Stamp.Host, r.Services} {
		if len(text) > maxName || !isPrintable(text) {
			return fmt.Errorf("invalid name %.40q", text)
		}
	}
	if len(r.Reason) > maxText || len(r.By) > maxText || !isPrintable(r.Reason) || !isPrintable(r.By) {
		return fmt.Errorf("the reason or the name of who asked for %q is too long or not printable", r.RealServer)
	}
	switch {
	case !isServer(r.RealServer):
		return fmt.Errorf("%q is no real server", r.RealServer)
	case r.Kind != event.Drain && r.Kind != event.SetWeight:
		return fmt.Errorf("unknown kind %.40q of an override", r.Kind)
	case r.Weight < 0 || r.Weight > math.MaxUint16 || r.Kind == event.Drain && r.Weight != 0:
		return fmt.Errorf("invalid weight %d of %q", r.Weight, r.RealServer)
	case r.Stamp.At <= 0 || r.Stamp.At >= maxStamp:
		return fmt.Errorf("invalid stamp %d of %q", r.Stamp.At, r.RealServer)
	case r.Since.Year() < 1 || r.Since.Year() > 9999 || r.Until.Year() < 1 || r.Until.Year() > 9999,
		!r.Until.IsZero() && r.Until.Sub(r.Since) > maxLasting:
		return fmt.Errorf("invalid time of %q", r.RealServer)
	case r.Removed && (!r.Until.IsZero() || r.Weight != 0 || r.Reason != ""):
		return fmt.Errorf("an end of %q that has an end, a weight or a reason", r.RealServer)
	}
	return nil
}

// isServer says whether a text is what an override can be of: "10.0.0.2", "[10.0.0.2]:tcp:80".
func isServer(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	_, err := conf.ParseServerKey(text)
	return err == nil
}

func isPrintable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// compare is negative when r is to give way to o. Two of the same stamp, which hosts of one name
// can make, are put in an order by what they say: all halves choose the same.
func (r Record) compare(o Record) int {
	if order := r.Stamp.Compare(o.Stamp); order != 0 {
		return order
	}
	return cmp.Compare(r.sum(), o.sum())
}

// sum is a number that tells records apart.
func (r Record) sum() uint64 {
	o := r.Override
	text := fmt.Appendf(nil, "%q %q %q %q %d %d %d %q %q %d %q %v %q", o.VirtualServer, o.RealServer, o.Kind, o.Source,
		o.Weight, instant(o.Until), instant(o.Since), o.Reason, o.By, o.Stamp.At, o.Stamp.Host, r.Removed, r.Services)
	hash := sha256.Sum256(text)
	return binary.BigEndian.Uint64(hash[:])
}

// instant is a number for a time: 0 for none.
func instant(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()*1000 + int64(t.Nanosecond()/1_000_000)
}

// entry is a record in a set.
type entry struct {
	Record
	over bool   // its time is
	sum  uint64 // of the record
}

// ended says that the record holds no more.
func (e entry) ended() bool { return e.Removed || e.over }

// endedAt is when a record ended, or will end by itself; zero is never.
func (r Record) endedAt() time.Time {
	at := r.Stamp.Time()
	if !r.Removed && (r.Until.IsZero() || r.Until.After(at)) {
		return r.Until
	}
	return at
}

// keptFor is how long it is known that something has ended: a half that was away for less
// does not bring it back.
const keptFor = 30 * 24 * time.Hour

// forgotten says whether a record is of something that ended so long ago that no half keeps it.
func (r Record) forgotten(now time.Time) bool {
	at := r.endedAt()
	return !at.IsZero() && now.Sub(at) > keptFor
}
