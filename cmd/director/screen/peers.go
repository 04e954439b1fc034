package screen

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/words"
)

// peers writes a line for each peer.
func peers(w io.Writer, r control.Status, now time.Time) {
	if len(r.Peers) == 0 {
		return
	}
	fmt.Fprintln(w, "\nPEER\tSTATE\tSINCE\tREADY\tCONFIGURATION\tVERSION\tWHY")
	for _, p := range r.Peers {
		state, ready, config, why := "UP", "-", "-", p.Error
		if !p.Up {
			state = "DOWN"
		} else if !p.Heard.IsZero() {
			ready, config, why = "yes", "equal", strings.Join(p.NotReady, "; ")
			if !p.Ready {
				ready = "no"
			}
			if !p.ConfigEqual {
				config = "differs"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", peerName(p), state, words.Age(now, p.Since), ready, config,
			words.Or(p.Version, "-"), why)
	}
}

func peerName(p control.Peer) string {
	if p.Host == "" {
		return p.Address
	}
	return p.Host + " (" + p.Address + ")"
}

// Pair writes the instances of all halves, one under the other.
func Pair(w io.Writer, r control.Status, now time.Time) {
	tab := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tab, "\nINSTANCE\tON\tSTATE\tPRIORITY\tWHY")
	for _, i := range r.Instances {
		fmt.Fprintf(tab, "%s\t%s\t%s\t%d\t%s\n", i.Name, "this host", i.State, i.Priority, i.Reason)
		for _, p := range r.Peers {
			for _, o := range p.Instances {
				if o.Name != i.Name && o.VRID != i.VRID {
					continue
				}
				why := words.Or(o.Unable, o.Reason)
				if !p.Up {
					why = "as it was " + words.Age(now, p.Heard) + " ago: " + p.Error
				}
				fmt.Fprintf(tab, "%s\t%s\t%s\t%d\t%s\n", o.Name, peerName(p), o.State, o.Priority, why)
			}
		}
	}
	for _, p := range r.Peers {
		if len(p.Instances) == 0 {
			fmt.Fprintf(tab, "-\t%s\tUNKNOWN\t-\t%s\n", peerName(p), words.Or(p.Error, "it has said nothing yet"))
		}
	}
	if len(r.Peers) == 0 {
		fmt.Fprintln(tab, "-\tthe other half\tUNKNOWN\t-\tno peer is configured")
	}
	tab.Flush()
}

// PeerDiff writes how the configuration of a peer differs.
func PeerDiff(w io.Writer, r control.PeerDiffReport) {
	if r.Count == 0 {
		fmt.Fprintf(w, "the configuration of peer %s is equal, but for what differs between halves\n", r.Peer)
	} else {
		fmt.Fprintf(w, "--- this host\n+++ peer %s\n", r.Peer)
	}
	for _, line := range r.Lines {
		fmt.Fprintln(w, line)
	}
	if more := r.Count - len(r.Lines); more > 0 {
		fmt.Fprintf(w, "and %s more: --all prints them\n", words.Count(more, "line"))
	}
	if r.LeftOut > 0 {
		fmt.Fprintf(w, "%s of the peer are not compared: they are too many\n", words.Count(r.LeftOut, "line"))
	}
}
