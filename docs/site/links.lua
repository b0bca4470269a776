-- SPDX-License-Identifier: MIT
-- For pandoc: let links lead to pages of the site, and write what they lead to into the files $PAGES and $FILES.
-- $PAGE is the page itself, from the top of the source.
local folder = os.getenv("PAGE"):match("^(.*/)[^/]*$") or ""

local function note(file, path)
  local parts = {}
  for part in (folder .. path):gmatch("[^/]+") do
    if part == ".." then
      table.remove(parts)
    else
      parts[#parts + 1] = part
    end
  end
  local list = assert(io.open(os.getenv(file), "a"))
  list:write(table.concat(parts, "/"), "\n")
  list:close()
end

function Link(link)
  local path, anchor = link.target:match("^([^#]*)(.*)$")
  if path == "" or path:match("^%a+:") then
    return nil
  end
  if path:match("%.md$") then
    note("PAGES", path)
    path = path:gsub("README(%.?%a*)%.md$", "index%1.md"):gsub("%.md$", ".html")
  else
    note("FILES", path)
    path = path .. (path:match("%.svg$") and "" or ".html")
  end
  link.target = path .. anchor
  return link
end

function Image(image)
  note("FILES", image.src)
end
