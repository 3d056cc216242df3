/* SPDX-License-Identifier: Apache-2.0
 *
 * The style of all pages. Colours are variables with a value for each scheme; every pair of text and ground
 * has a contrast of at least 4.5 to 1, which tests/e2e/test_page.py measures in a browser.
 *
 * Below 64 rem tables become cards: every row a box, every cell a line with the head of its column before it.
 * The heads are written here once more and not into every cell, where thousands of rows would repeat them; a
 * test compares them with those of the tables.
 *
 * The rows of what is listed are boxes of their own on a wide screen too, with columns of the same widths, so
 * that those out of sight need not be laid out (content-visibility): as a table, 5,000 of them take Chromium
 * two seconds, as boxes a quarter of one.
 */
#include "core/page_internal.h"

/* PAGE_SECURITY_POLICY holds its hash: a test says what that is after a change. */
const char page_style[] =
    ":root{color-scheme:light dark;--fg:#1b1b1b;--soft:#595959;--bg:#fff;--card:#f3f3f3;--line:#c8c8c8;"
    "--good:#1a6b2c;--bad:#b00020;--link:#0b57d0}"
    "@media(prefers-color-scheme:dark){:root{--fg:#e8e8e8;--soft:#a6a6a6;--bg:#141414;--card:#222;"
    "--line:#444;--good:#6fcf87;--bad:#ff8a80;--link:#8ab4f8}}"
    "*{box-sizing:border-box}"
    "body{font:1rem/1.45 system-ui,sans-serif;color:var(--fg);background:var(--bg);margin:0 auto;"
    "max-width:84rem;padding:.6rem 1rem 2rem;overflow-wrap:anywhere}"
    "a{color:var(--link)}:focus-visible{outline:3px solid var(--link);outline-offset:2px}"
    "header,footer,small,caption{color:var(--soft);font-size:.875rem}"
    "footer{margin-top:2rem;border-top:1px solid var(--line)}"
    "h1{font-size:1.6rem;line-height:1.2;margin:.8rem 0 .6rem;padding-left:.6rem;"
    "border-left:.35rem solid var(--line)}"
    "h1.good{border-color:var(--good)}h1.bad{border-color:var(--bad)}"
    "h2{font-size:1.2rem;margin:2rem 0 .4rem}h3{font-size:1rem;margin:1rem 0 .2rem}"
    ".lists td strong{white-space:nowrap}th small{font-weight:400}"
    "p,ul{margin:.4rem 0}ul{padding-left:1.2rem}.good{color:var(--good)}.bad{color:var(--bad)}"
    "th[scope=row]{font-weight:400}a[href^=check]{font-family:ui-monospace,monospace}"
    "nav a{display:inline-block;padding:.3rem .8rem .3rem 0}"
    "form{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:1rem 0;padding:.6rem;"
    "background:var(--card)}"
    "input,button{font:inherit;color:var(--fg);background:var(--bg);border:1px solid var(--soft);"
    "border-radius:.25rem;padding:.45rem .6rem;min-width:0}input{flex:1 1 12rem;max-width:26rem}"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}caption{text-align:left;padding:.2rem 0}"
    "th,td{border-bottom:1px solid var(--line);padding:.35rem .6rem .35rem 0;text-align:left;"
    "vertical-align:top}thead th{white-space:nowrap}"
    "@media screen and (min-width:64.01rem){.listed,.listed caption,.listed thead,.listed "
    "tbody{display:block}"
    ".listed tr{display:grid;grid-template-columns:8.6rem minmax(0,5fr) minmax(0,6fr) minmax(0,4fr) "
    "minmax(0,8fr) minmax(0,3fr) minmax(0,8fr) minmax(0,4fr);border-bottom:1px solid var(--line);"
    "content-visibility:auto;contain-intrinsic-size:auto 3.2rem}.listed th,.listed "
    "td{border:0;white-space:normal}}"
    "@media screen and (max-width:64rem){"
    "table,caption,tbody,tr,th,td{display:block}"
    "thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
    "tr{background:var(--card);margin:.6rem 0;padding:.5rem .6rem;content-visibility:auto;"
    "contain-intrinsic-size:auto 13rem}"
    "th,td{border:0;padding:.1rem 0}th[scope=row]{font-size:1.05rem;font-weight:600}"
    "td{position:relative;padding-left:7rem;min-height:1.5rem}td:empty{display:none}"
    "td::before{position:absolute;left:0;color:var(--soft)}"
    ".checked td:nth-child(2)::before{content:'verdict'}.checked td:nth-child(3)::before{content:'reason'}"
    ".checked td:nth-child(4)::before{content:'since'}.checked td:nth-child(5)::before{content:'asked'}"
    ".checked td:nth-child(6)::before{content:'get off it'}"
    ".listed td:nth-child(2)::before{content:'belongs to'}.listed td:nth-child(3)::before{content:'list'}"
    ".listed td:nth-child(4)::before{content:'codes'}.listed td:nth-child(5)::before{content:'since'}"
    ".listed td:nth-child(6)::before{content:'last check'}.listed td:nth-child(7)::before{content:'reason'}"
    ".listed td:nth-child(8)::before{content:'get off it'}"
    ".changes tr{contain-intrinsic-size:auto 4rem}.changes td{display:inline-block;min-height:0;"
    "padding:0 .7rem 0 0}"
    ".lists td:nth-child(2)::before{content:'kind, tier'}.lists td:nth-child(3)::before{content:'state'}"
    ".lists td:nth-child(4)::before{content:'self-test'}"
    ".lists td:nth-child(5)::before{content:'last failure'}"
    ".lists td:nth-child(6)::before{content:'queries'}"
    ".lists td:nth-child(7)::before{content:'ranges swept'}"
    ".ranges td:nth-child(2)::before{content:'group'}.ranges td:nth-child(3)::before{content:'list'}"
    ".ranges td:nth-child(4)::before{content:'listed now'}"
    ".ranges td:nth-child(5)::before{content:'listed share'}"
    ".ranges td:nth-child(6)::before{content:'looked at'}"
    ".ranges td:nth-child(7)::before{content:'oldest result'}"
    ".safelists td:nth-child(2)::before{content:'safelist'}.safelists "
    "td:nth-child(3)::before{content:'ticket'}"
    ".safelists td:nth-child(4)::before{content:'added'}"
    ".safelists td:nth-child(5)::before{content:'block lists'}"
    ".safelists td:nth-child(6)::before{content:'may it go?'}}"
    "@media print{:root{--fg:#000;--soft:#333;--bg:#fff;--card:#fff;--line:#999;--good:#000;--bad:#000;"
    "--link:#000}body{max-width:none;padding:0;font-size:.8rem}form,nav{display:none}"
    "tr{break-inside:avoid}td a[href^=http]::after{content:' (' attr(href) ')'}}";
