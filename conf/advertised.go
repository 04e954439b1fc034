package conf

// MostAdvertised is how many addresses one advertisement can hold: the count is
// one byte (RFC 9568 section 5.2.5).
const MostAdvertised = 255

// MaxAdvertised is how many virtual addresses of the instance fit into an
// advertisement on an interface with this MTU, in bytes: 1 to MostAdvertised. It
// reserves what keepalived reserves, so that both advertise the same addresses.
func (in *Instance) MaxAdvertised(mtu int) int {
	const reserved = 16
	header, size := 20, 4
	if in.IPv6 {
		header, size = 40, 16
	}
	room := mtu - header - 8 - reserved
	if in.Version == 2 {
		room -= 8 // authentication data (RFC 3768 section 5.3.10)
		if in.Auth.Type == AHAuth {
			room -= 24
		}
	}
	return min(max(room/size, 1), MostAdvertised)
}
