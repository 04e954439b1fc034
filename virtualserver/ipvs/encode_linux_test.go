package ipvs

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
)

// TestMessages: the bytes are those of netlink.AttributeEncoder, on a little-endian processor.
func TestMessages(t *testing.T) {
	four := conf.ServiceKey{Protocol: conf.TCP, Address: netip.MustParseAddr("10.0.0.1"), Port: 80}
	six := conf.ServiceKey{Protocol: conf.UDP, Address: netip.MustParseAddr("2001:db8::1"), Port: 53}
	mark := conf.ServiceKey{FWMark: 5}
	at := conf.ServerKey{Address: netip.MustParseAddr("10.1.0.1"), Port: 8080}
	for _, test := range []struct {
		op   table.Op
		want string
	}{
		{table.Op{Kind: table.NewService, Service: table.Service{
			Key: four, Scheduler: "wlc", Flags: table.FlagPersistent, Timeout: 360, MaskBits: 24,
		}}, `01010000 48000180 0600010002000000 0600020006000000 080003000a000001 0600040000500000
			08000600776c6300 0c000700010000003d000000 0800080068010000 08000900ffffff00`},
		{table.Op{Kind: table.SetService, Service: table.Service{
			Key: six, Scheduler: "sh", Engine: "sip", Flags: table.FlagOnePacket, MaskBits: 128,
		}}, `02010000 5c000180 060001000a000000 0600020011000000 1400030020010db8000000000000000000000001
			0600040000350000 0700060073680000 08000b0073697000 0c000700040000003d000000 0800080000000000
			0800090080000000`},
		{table.Op{Kind: table.NewDestination, Service: table.Service{Key: mark}, Destination: table.Destination{
			Key: at, Forward: table.Tunnel, Weight: 7, Upper: 100, Lower: 50,
			Tunnel: table.Encapsulation{Type: conf.GUE, Port: 6080, Flags: table.TunnelChecksum},
		}}, `05010000 14000180 0600010002000000 0800050005000000
			54000280 06000b0002000000 080001000a010001 060002001f900000 0800030002000000 0800040007000000
			0800050064000000 0800060032000000 05000d0001000000 06000e0017c00000 06000f0001000000`},
		{table.Op{Kind: table.DelDestination, Service: table.Service{Key: four}, Destination: table.Destination{Key: at}},
			`07010000 24000180 0600010002000000 0600020006000000 080003000a000001 0600040000500000
			1c000280 06000b0002000000 080001000a010001 060002001f900000`},
	} {
		want := strings.Join(strings.Fields(test.want), "")
		if got := hex.EncodeToString(appendOp(nil, test.op, 1)); got != want {
			t.Errorf("%s:\n%s, want\n%s", test.op, got, want)
		}
	}
}
