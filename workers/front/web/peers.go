package web

import (
	"time"

	"github.com/lvs-director/director/event"
)

// masterOf is the host of the peer that says that it is MASTER of an instance; empty is none of them.
func masterOf(peers []Peer, i *Instance) string {
	for _, p := range peers {
		for _, other := range p.Instances {
			if p.Up && other.State == event.Master && other.VRID == i.VRID && other.Name == i.Name {
				return text(p.Name)
			}
		}
	}
	return ""
}

// shownPeers are the peers as the page shows them, without their instances.
func shownPeers(peers []Peer) []Peer {
	list := make([]Peer, 0, len(peers))
	for _, p := range peers {
		p.Name, p.Error, p.Version, p.Instances = text(p.Name), text(p.Error), text(p.Version), nil
		p.Told, p.Heard = !p.Heard.IsZero(), time.Time{} // which changes each second and is no news
		reasons := make([]string, 0, reasonsShown)
		for _, r := range p.NotReady[:min(len(p.NotReady), reasonsShown)] {
			reasons = append(reasons, text(r))
		}
		p.NotReady = reasons
		list = append(list, p)
	}
	return list
}

// reasonsShown is how many reasons a peer has at most for not being ready.
const reasonsShown = 3
