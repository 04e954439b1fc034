package ipvs

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
	"golang.org/x/sys/unix"
)

// Feature is a protocol that a kernel's IPVS may have been built without. The kernel
// takes a virtual server of such a protocol all the same, and lets its packets pass by.
type Feature string

// The features.
const (
	SCTP Feature = "SCTP"
	AH   Feature = "AH"
	ESP  Feature = "ESP"
)

// options are the options of the kernel's configuration (net/netfilter/ipvs/Kconfig).
var options = map[Feature]string{
	SCTP: "CONFIG_IP_VS_PROTO_SCTP", AH: "CONFIG_IP_VS_PROTO_AH", ESP: "CONFIG_IP_VS_PROTO_ESP",
}

// symbols are functions that a kernel has with the feature only; AH and ESP share one file
// (net/netfilter/ipvs/ip_vs_proto_*.c).
var symbols = map[Feature]string{
	SCTP: "sctp_conn_schedule", AH: "ah_esp_conn_in_get", ESP: "ah_esp_conn_in_get",
}

// present is a function that every IPVS has.
const present = "ip_vs_conn_put"

// Option is the option of the kernel's configuration that builds the feature.
func (f Feature) Option() string { return options[f] }

// Built says whether the running kernel has the feature; known is false when that cannot
// be told. It reads 10 MB of /proc/kallsyms, in about a tenth of a second.
func (f Feature) Built() (built, known bool) {
	if list, err := os.Open("/proc/kallsyms"); err == nil {
		defer list.Close()
		if built, known = f.in(list); known {
			return built, true
		}
	}
	for _, name := range kernelConfigs() {
		if built, known = f.inConfig(name); known {
			return built, true
		}
	}
	return false, false
}

// in looks for the feature in a list of the kernel's symbols, "ffffffff81 t NAME [ip_vs]".
// Nothing is known while IPVS is not loaded.
func (f Feature) in(list io.Reader) (built, known bool) {
	for lines := bufio.NewScanner(list); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 3 {
			continue
		}
		known = known || words[2] == present
		if words[2] == symbols[f] {
			return true, true
		}
	}
	return false, known
}

// maxKernelConfig bounds the kernel's configuration, which has some 300 kB.
const maxKernelConfig = 8 << 20

// inConfig looks for the feature in a file of the kernel's configuration.
func (f Feature) inConfig(name string) (built, known bool) {
	value, known := optionIn(name, f.Option())
	return value == "y", known
}

// optionIn is the value of an option in a file of the kernel's configuration, empty when it is not set.
func optionIn(name, option string) (value string, known bool) {
	file, err := os.Open(name)
	if err != nil {
		return "", false
	}
	defer file.Close()
	var text io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if text, err = gzip.NewReader(file); err != nil {
			return "", false
		}
	}
	for lines := bufio.NewScanner(io.LimitReader(text, maxKernelConfig)); lines.Scan(); {
		known = known || strings.HasPrefix(lines.Text(), "CONFIG_")
		if value, ok := strings.CutPrefix(lines.Text(), option+"="); ok {
			return value, true
		}
	}
	return "", known
}

// kernelConfigs are the files in which the configuration of the running kernel may be.
func kernelConfigs() []string {
	var uts unix.Utsname
	if unix.Uname(&uts) != nil {
		return nil
	}
	release := unix.ByteSliceToString(uts.Release[:])
	return []string{"/proc/config.gz", "/boot/config-" + release, "/lib/modules/" + release + "/config"}
}

// MaglevIndex is CONFIG_IP_VS_MH_TAB_INDEX of the running kernel: the one that kernels have which were built
// with nothing else, where its configuration cannot be read.
func MaglevIndex() int {
	for _, name := range kernelConfigs() {
		if text, known := optionIn(name, "CONFIG_IP_VS_MH_TAB_INDEX"); known {
			if index, err := strconv.Atoi(text); err == nil && index >= 8 && index <= 17 {
				return index
			}
			break
		}
	}
	return table.MaglevIndex
}

// features remembers what the kernel has. A worker lives as long as one kernel.
type features struct {
	built func(Feature) (built, known bool)
	sctp  *bool
	// plain says that the kernel tells nothing of tunnels: it makes IPIP of every one.
	plain bool
}

// refuse says why the kernel would take an operation and not do what it asks for.
func (f *features) refuse(op table.Op) error {
	d := op.Destination
	switch op.Kind {
	case table.NewService, table.SetService:
		if op.Service.Key.Protocol == conf.SCTP && op.Service.Key.FWMark == 0 && !f.hasSCTP() {
			return fmt.Errorf("%w: this kernel's IPVS was built without SCTP (%s) and lets its packets pass by",
				syscall.EPROTONOSUPPORT, SCTP.Option())
		}
	case table.NewDestination, table.SetDestination:
		if f.plain && d.Forward == table.Tunnel && d.Tunnel.Type != conf.IPIP {
			return fmt.Errorf("%w: this kernel's IPVS has no tunnels of type %s (Linux 5.3 and later have)",
				syscall.EOPNOTSUPP, d.Tunnel.Type)
		}
	}
	return nil
}

// hasSCTP looks once. What is not known is there.
func (f *features) hasSCTP() bool {
	if f.sctp == nil {
		built, known := f.built(SCTP)
		has := built || !known
		f.sctp = &has
	}
	return *f.sctp
}
