package worker

// NoGroups is why a virtual server of a group has no service.
const NoGroups = "virtual_server_group is not supported yet: its services are not made"
