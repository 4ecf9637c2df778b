/** What every AWS client of Millrace adds to its user agent, so that CloudTrail and access logs tell whose calls are whose. */
export const customUserAgent = 'millrace';
