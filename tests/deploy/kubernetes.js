// kubernetes.js FILE...: check each document of these files against the schemas of Kubernetes, which are compiled into
// the validators of the npm package kubernetes-models. They accept unknown fields; but a validator reads each
// field that it knows, so one that it has not read is unknown.
'use strict';
const fs = require('fs');
const yaml = require('yaml');

// Return the value wrapped so that fields which are read leave the set `unread`.
function watched(value, path, unread) {
    if (value === null || typeof value !== 'object')
        return value;
    const fields = {};
    for (const key of Object.keys(value)) {
        unread.add(`${path}/${key}`);
        fields[key] = watched(value[key], `${path}/${key}`, unread);
    }
    return new Proxy(Array.isArray(value) ? Object.values(fields) : fields, {
        get(target, key) {
            unread.delete(`${path}/${String(key)}`);
            return target[key];
        },
    });
}

function check(object) {
    const unread = new Set();
    const model = require(`kubernetes-models/${object.apiVersion}/${object.kind}`)[object.kind];
    const checked = new model({});
    for (const key of Object.keys(object)) {
        unread.add(`/${key}`);
        checked[key] = watched(object[key], `/${key}`, unread);
    }
    const seen = new Proxy(checked, {
        get(target, key) {
            unread.delete(`/${String(key)}`);
            return target[key];
        },
    });
    model.prototype.validate.call(seen);
    // Below an unknown field all are unread: the first one is enough.
    for (const path of unread)
        throw new Error(`unknown field ${path}`);
}

let bad = 0, count = 0;
for (const file of process.argv.slice(2)) {
    for (const document of yaml.parseAllDocuments(fs.readFileSync(file, 'utf8'))) {
        const object = document.toJS();
        try {
            if (document.errors.length > 0)
                throw document.errors[0];
            check(object);
            count++;
        } catch (error) {
            console.log(`${file}: ${object && object.kind}: ${error.message.split('\n')[0]}`);
            bad++;
        }
    }
}
console.log(`${count} valid, ${bad} not`);
process.exitCode = bad > 0 || count === 0 ? 1 : 0;
