package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
)

// About is what SCIM says of itself: the configuration, the kinds of resources,
// their schemas; id names one of them, "" all.
func (d *Directory) About(ctx context.Context, act auth.Actor, what, id string) (Resource, error) {
	if err := d.sync(ctx, act, "scim.about"); err != nil {
		return nil, err
	}
	var all []Resource
	switch what {
	case "ServiceProviderConfig":
		return d.abilities(), nil
	case "ResourceTypes":
		all = []Resource{d.resourceType("User", "/Users", schemaUser), d.resourceType("Group", "/Groups", schemaGroup)}
	case "Schemas":
		all = []Resource{d.userSchema(), d.groupSchema()}
	}
	if id == "" {
		return listOf(all, len(all), 1), nil
	}
	i := slices.IndexFunc(all, func(r Resource) bool { s, _ := r["id"].(string); return strings.EqualFold(s, id) })
	if i < 0 {
		return nil, fmt.Errorf("%s: %w", what, elevation.ErrNotFound)
	}
	return all[i], nil
}

func (d *Directory) abilities() Resource {
	can := func(yes bool) Resource { return Resource{"supported": yes} }
	return Resource{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch": can(true), "sort": can(false), "etag": can(false), "changePassword": can(false),
		"bulk":   Resource{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter": Resource{"supported": true, "maxResults": maxPage},
		"authenticationSchemes": []Resource{{"type": "oauthbearertoken", "name": "API token", "primary": true,
			"description": "An API token with the scope scim, in the header Authorization."}},
		"meta": Resource{"resourceType": "ServiceProviderConfig", "location": d.cfg.Public() + "/scim/v2/ServiceProviderConfig"}}
}

func (d *Directory) resourceType(name, endpoint, schema string) Resource {
	return Resource{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, "id": name, "name": name, "endpoint": endpoint, "schema": schema,
		"meta": Resource{"resourceType": "ResourceType", "location": d.location("ResourceTypes", name)}}
}

// attribute describes one attribute as a schema does.
func attribute(name, kind string, more Resource) Resource {
	r := Resource{"name": name, "type": kind, "multiValued": false, "required": false, "caseExact": false, "mutability": "readWrite",
		"returned": "default", "uniqueness": "none", "description": name}
	for k, v := range more {
		r[k] = v
	}
	return r
}

func (d *Directory) schema(id, name string, attributes ...Resource) Resource {
	return Resource{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"}, "id": id, "name": name, "description": name, "attributes": attributes,
		"meta": Resource{"resourceType": "Schema", "location": d.location("Schemas", id)}}
}

func (d *Directory) userSchema() Resource {
	many := func(parts ...Resource) Resource { return Resource{"multiValued": true, "subAttributes": parts} }
	value := attribute("value", "string", nil)
	groups := many(value, attribute("display", "string", nil))
	groups["mutability"] = "readOnly"
	return d.schema(schemaUser, "User",
		attribute("userName", "string", Resource{"required": true, "uniqueness": "server"}),
		attribute("displayName", "string", nil),
		attribute("name", "complex", Resource{"subAttributes": []Resource{attribute("givenName", "string", nil), attribute("familyName", "string", nil), attribute("formatted", "string", nil)}}),
		attribute("emails", "complex", many(value, attribute("type", "string", nil), attribute("primary", "boolean", nil))),
		attribute("active", "boolean", nil),
		attribute("groups", "complex", groups))
}

func (d *Directory) groupSchema() Resource {
	return d.schema(schemaGroup, "Group",
		attribute("displayName", "string", Resource{"required": true, "uniqueness": "server"}),
		attribute("members", "complex", Resource{"multiValued": true, "subAttributes": []Resource{attribute("value", "string", Resource{"mutability": "immutable"}), attribute("type", "string", nil)}}))
}
