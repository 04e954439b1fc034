package fronts

import "github.com/lvs-director/director/worker/front"

// TellPeer has a front tell another director something, in the place of what of its kind has not left.
// It does not wait; without a front nothing is told.
func (k *Keeper) TellPeer(m front.PeerMessage) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state.Pid == 0 {
		return
	}
	for n, waiting := range k.forPeers {
		if waiting.Peer == m.Peer && waiting.Kind == m.Kind {
			k.forPeers[n] = m
			return
		}
	}
	k.forPeers = append(k.forPeers, m)
	k.wakeToSend()
}

func (k *Keeper) wakeToSend() {
	select {
	case k.tell <- struct{}{}:
	default: // it is awake
	}
}

func (k *Keeper) hasForPeers() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.forPeers) > 0
}

func (k *Keeper) nextForPeers() (m front.PeerMessage) {
	k.mu.Lock()
	defer k.mu.Unlock()
	m = k.forPeers[0]
	k.forPeers = k.forPeers[1:]
	return m
}

func (k *Keeper) forgetForPeers() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forPeers = nil
}
