package announce

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/retry"
)

// With allow_onlink an address may be in a network of an interface, where neighbours would ask for it, and every
// director would answer. What keeps them from it are two settings of that interface; IPv6 needs none, since it
// answers for addresses of the interface that is asked only.

// setting is one of net.ipv4.conf.
type setting struct{ device, name string }

// least is what the settings have to be at least: arp_ignore answers for addresses on the asked interface only, and
// arp_announce uses the best local address as the source.
var least = map[string]int{"arp_ignore": 1, "arp_announce": 2}

// changed is a setting that director has changed.
type changed struct {
	before int // -1: it was not changed
	to     int
	err    error
	retry  retry.Retry
}

// formerSettings takes over what an earlier director has changed.
func (k *keeper) formerSettings() {
	for _, key := range k.o.Journal.Held() {
		var s setting
		c := &changed{}
		text, ok := strings.CutPrefix(key, keySetting)
		if _, err := fmt.Sscanf(text, "%s %s %d", &s.device, &s.name, &c.before); !ok || err != nil || least[s.name] == 0 {
			continue
		}
		c.to = least[s.name]
		k.settings[s] = c
	}
}

// followSettings has the settings be where allow_onlink needs them, and as before elsewhere.
func (k *keeper) followSettings(now time.Time) {
	if now.Sub(k.settingsAt) < looksAnyway {
		return
	}
	k.settingsAt = now
	wanted := make(map[setting]bool)
	for _, b := range k.ordered() {
		if !b.Onlink {
			continue
		}
		for _, a := range b.Addresses {
			if !a.Is4() {
				continue
			}
			devices, err := k.kernel.Onlink(a)
			if err != nil {
				k.say("failed to find the interfaces with a network that an address is in", err)
				return
			}
			for _, d := range devices {
				wanted[setting{d, "arp_ignore"}], wanted[setting{d, "arp_announce"}] = true, true
			}
		}
	}
	for s := range wanted {
		c := k.settings[s]
		if c == nil {
			c = &changed{before: -1, to: least[s.name]}
			k.settings[s] = c
		}
		if c.retry.Ready(now) {
			k.raise(s, c, now)
		}
	}
	for s, c := range k.settings {
		if !wanted[s] && c.retry.Ready(now) {
			k.restore(s, c, now)
		}
	}
}

// raise has a setting be what it has to be at least.
func (k *keeper) raise(s setting, c *changed, now time.Time) {
	value, err := k.kernel.Setting(s.device, s.name)
	if err == nil && value < c.to {
		if c.before >= 0 {
			c.retry.Repaired(now)
			k.repairs("net.ipv4.conf."+s.device+"."+s.name, now)
		} else {
			c.before = value
			k.claim(s.key(c))
		}
		err = k.kernel.Set(s.device, s.name, c.to)
	}
	if c.err = err; err != nil {
		c.retry.Failed(now)
	}
}

// restore gives a setting its value from before, if nobody else has changed it since.
func (k *keeper) restore(s setting, c *changed, now time.Time) {
	if c.before >= 0 {
		value, err := k.kernel.Setting(s.device, s.name)
		if err == nil && value == c.to {
			err = k.kernel.Set(s.device, s.name, c.before)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.err = err
			c.retry.Failed(now)
			return
		}
		k.release(s.key(c))
	}
	delete(k.settings, s)
}

func (k *keeper) restoreSettings() {
	for s, c := range k.settings {
		k.restore(s, c, time.Now())
		if c.err != nil {
			k.say("failed to restore a setting", c.err)
		}
	}
}

func (s setting) key(c *changed) string {
	return fmt.Sprintf("%s%s %s %d", keySetting, s.device, s.name, c.before)
}

func (k *keeper) settingProblems() (list []event.Problem) {
	for s, c := range k.settings {
		if c.err != nil {
			list = append(list, event.Problem{
				Kind: event.Degraded, Object: "net.ipv4.conf." + s.device + "." + s.name, Error: c.err.Error(),
				Times: c.retry.Times, Since: c.retry.Since,
			})
		}
	}
	return list
}
