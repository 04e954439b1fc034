package load

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/conf"
)

// The groups of RFC 9568 sections 5.1.1.2 and 5.1.2.2.
var (
	defaultGroup4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	defaultGroup6 = netip.MustParseAddr("ff02::12")
)

func defaultGlobal() conf.Global {
	return conf.Global{
		VRRPVersion:     2,
		MulticastGroup4: defaultGroup4,
		MulticastGroup6: defaultGroup6,
		GARP: conf.GARP{MasterRepeat: 5, MasterDelay: 5 * time.Second, RefreshRepeat: 1, LowerPrioRepeat: 5,
			LowerPrioDelay: 5 * time.Second},
		GARPForm:         conf.GARPRequest,
		DownTimerAdverts: 3,
		DefaultInterface: "eth0",
		VMACPrefix:       "vrrp",
		VMACAddrPrefix:   "vrrp",
		SMTPPort:         25,
		SMTPTimeout:      30 * time.Second,
		StartupScript:    conf.Script{Timeout: 10 * time.Second},
		ShutdownScript:   conf.Script{Timeout: 10 * time.Second},

		NFTablesIPVSStartFWMark: 1000,
		StateDumpFile:           "/tmp/keepalived.data",
		StatsDumpFile:           "/tmp/keepalived.stats",
		JSONDumpFile:            "/tmp/keepalived.json",
		JSONVersion:             1,
		Umask:                   0o177,
		ReloadOnLoss:            conf.RefuseLoss,
	}
}
