package watch

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/words"
)

// peers are the rows of the other halves.
func (v *View) peers() (lines []string) {
	for _, p := range v.Status.Peers {
		name := p.Address
		if p.Host != "" {
			name = p.Host + " " + p.Address
		}
		well := p.Up && !p.Heard.IsZero() && p.Ready && p.ConfigEqual
		if !v.shows(name) || v.Wrong && well {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %s %8s %-5s %-7s %s", pad(name, 28), pad(upDown(p), 5),
			words.Age(v.Now, p.Since),
			told(p, p.Ready, "yes", "no"), told(p, p.ConfigEqual, "equal", "differs"),
			cmp.Or(p.Error, strings.Join(p.NotReady, "; "))))
	}
	return lines
}

func upDown(p control.Peer) string {
	if p.Up {
		return "UP"
	}
	return "DOWN"
}

// told is a word for yes, for no, or a dash for a peer that has not told.
func told(p control.Peer, is bool, yes, no string) string {
	switch {
	case !p.Up || p.Heard.IsZero():
		return "-"
	case is:
		return yes
	}
	return no
}
